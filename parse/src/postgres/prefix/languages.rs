//! The words of the server's translations: severities, the labels of follow-up lines, and what it writes before durations and statements. Data
//! only. Words that two languages use for two things have the sense of the graver one.

use crate::entry::Severity;
use crate::postgres::prefix::{Label, Part};

/// A severity by its word in German, French, Spanish, Italian, Portuguese, Russian, Polish, Swedish, Turkish, Ukrainian, Czech, Japanese, Korean
/// or Chinese.
pub(crate) fn severity(word: &[u8]) -> Option<Severity> {
    Some(match std::str::from_utf8(word).ok()? {
        "СООБЩЕНИЕ" | "DZIENNIK" | "LOGG" | "ЗАПИСУВАННЯ" | "ログ" | "로그" | "日志" | "日誌" => {
            Severity::Log
        }
        "FEHLER" | "ERREUR" | "ERRORE" | "ERRO" | "ОШИБКА" | "BŁĄD" | "FEL" | "HATA" | "ПОМИЛКА"
        | "CHYBA" | "エラー" | "오류" | "错误" | "錯誤" => Severity::Error,
        "FATALE" | "ВАЖНО" | "KATASTROFALNY" | "FATALT" | "ÖLÜMCÜL" | "ФАТАЛЬНО" | "FATÁLNÍ"
        | "致命的エラー" | "치명적오류" | "致命错误" | "嚴重錯誤" => Severity::Fatal,
        "PANIK"
        | "PANICO"
        | "PÁNICO"
        | "PÂNICO"
        | "ПАНИКА"
        | "PANIKA"
        | "KRİTİK"
        | "PANİK"
        | "ПАНІКА"
        | "パニック"
        | "손상"
        | "比致命错误还过分的错误" => Severity::Panic,
        "WARNUNG"
        | "ATTENTION"
        | "ADVERTENCIA"
        | "ATTENZIONE"
        | "AVISO"
        | "ПРЕДУПРЕЖДЕНИЕ"
        | "OSTRZEŻENIE"
        | "VARNING"
        | "UYARI"
        | "ПОПЕРЕДЖЕННЯ"
        | "VAROVÁNÍ"
        | "警告"
        | "경고" => Severity::Warning,
        "HINWEIS"
        | "NOTIFICA"
        | "NOTA"
        | "ЗАМЕЧАНИЕ"
        | "ИНФОРМАЦИЯ"
        | "ОТЛАДКА"
        | "UWAGA"
        | "INFORMACJA"
        | "NOTIS"
        | "NOT"
        | "BİLGİ"
        | "ПОВІДОМЛЕННЯ"
        | "ІНФОРМАЦІЯ"
        | "ВІДЛАГОДЖЕННЯ"
        | "POZNÁMKA"
        | "LADĚNÍ"
        | "デバッグ"
        | "情報"
        | "通知"
        | "디버그"
        | "정보"
        | "알림"
        | "调试"
        | "信息"
        | "注意"
        | "除錯"
        | "資訊" => Severity::Notice,
        _ => return None,
    })
}

/// The label of a follow-up line.
pub(super) fn follow_up(word: &[u8]) -> Option<Label> {
    Some(match std::str::from_utf8(word).ok()? {
        "DÉTAIL"
        | "DETALLE"
        | "DETTAGLI"
        | "DETALHE"
        | "ПОДРОБНОСТИ"
        | "SZCZEGÓŁY"
        | "DETALJ"
        | "AYRINTI"
        | "ДЕТАЛІ"
        | "ВІДОМОСТІ"
        | "詳細"
        | "상세정보"
        | "详细信息"
        | "詳細資訊"
        | "詳細內容" => Label::Part(Part::Detail),
        "TIPP" | "ASTUCE" | "SUGERENCIA" | "SUGGERIMENTO" | "DICA" | "ПОДСКАЗКА" | "PODPOWIEDŹ"
        | "WSKAZÓWKA" | "TIPS" | "İPUCU" | "ПІДКАЗКА" | "DOPORUČENÍ" | "ヒント" | "힌트" | "提示" => {
            Label::Part(Part::Hint)
        }
        "ZUSAMMENHANG" | "CONTEXTE" | "CONTEXTO" | "CONTESTO" | "КОНТЕКСТ" | "KONTEKST" | "KONTEXT"
        | "BAĞLAM" | "İÇERİK" | "文脈" | "コンテキスト" | "내용" | "上下文" | "背景" => {
            Label::Part(Part::Context)
        }
        "ANWEISUNG"
        | "INSTRUCTION"
        | "SENTENCIA"
        | "ISTRUZIONE"
        | "COMANDO"
        | "ОПЕРАТОР"
        | "WYRAŻENIE"
        | "SATS"
        | "DEYİM"
        | "KOMUT"
        | "İFADE"
        | "ІНСТРУКЦІЯ"
        | "PŘÍKAZ"
        | "文"
        | "명령 구문"
        | "구문"
        | "语句"
        | "陳述式"
        | "敘述" => Label::Part(Part::Statement),
        "ANFRAGE"
        | "ORT"
        | "REQUÊTE"
        | "EMPLACEMENT"
        | "CONSULTA"
        | "UBICACIÓN"
        | "INTERROGAZIONE"
        | "POSIZIONE"
        | "LOCAL"
        | "ЗАПРОС"
        | "ПОЛОЖЕНИЕ"
        | "ZAPYTANIE"
        | "POZYCJA"
        | "FRÅGA"
        | "PLATS"
        | "SORGU"
        | "YER"
        | "ЗАПИТ"
        | "РОЗТАШУВАННЯ"
        | "DOTAZ"
        | "UMÍSTĚNÍ"
        | "問い合わせ"
        | "場所"
        | "쿼리"
        | "위치"
        | "查询"
        | "位置"
        | "查詢" => Label::OtherPart,
        _ => return None,
    })
}

/// Whether a message that begins with this word and a colon tells a duration.
pub(crate) fn is_duration(word: &[u8]) -> bool {
    matches!(
        std::str::from_utf8(word),
        Ok("Dauer"
            | "durée"
            | "duración"
            | "durata"
            | "duração"
            | "продолжительность"
            | "czas trwania"
            | "varaktighet"
            | "süre"
            | "тривалість"
            | "trvání"
            | "期間"
            | "実行時間"
            | "실행시간"
            | "작업시간"
            | "执行时间"
            | "持续时间"
            | "時間"
            | "持續時間")
    )
}

/// Whether a message that begins with this word and a colon shows a statement.
pub(crate) fn is_statement(word: &[u8]) -> bool {
    matches!(
        std::str::from_utf8(word),
        Ok("Anweisung"
            | "instruction"
            | "sentencia"
            | "istruzione"
            | "comando"
            | "оператор"
            | "wyrażenie"
            | "sats"
            | "ifade"
            | "deyim"
            | "komut"
            | "інструкція"
            | "příkaz"
            | "文"
            | "명령 구문"
            | "명령구문"
            | "구문"
            | "语句"
            | "陳述式"
            | "敘述")
    )
}

/// Whether a step of the extended protocol is parsing.
pub(crate) fn is_parse(word: &[u8]) -> bool {
    matches!(
        std::str::from_utf8(word),
        Ok("parse"
            | "Parsen"
            | "analyse"
            | "análise"
            | "разбор"
            | "parsowanie"
            | "parsa"
            | "розбір"
            | "パース"
            | "구문분석"
            | "解析")
    )
}

/// Whether a step of the extended protocol is binding.
pub(crate) fn is_bind(word: &[u8]) -> bool {
    matches!(
        std::str::from_utf8(word),
        Ok("bind"
            | "Binden"
            | "lien"
            | "liaison"
            | "ligação"
            | "привязка"
            | "dowiązanie"
            | "прив'язка"
            | "バインド"
            | "바인드"
            | "绑定"
            | "綁定")
    )
}

#[cfg(test)]
mod tests {
    use crate::{Decoded, Decoder, LogKind, Severity, detect};

    /// A log of four lines in another language: an execution, a checkpoint, an error with its statement. Nothing is rejected.
    #[track_caller]
    fn check(lines: [&str; 4]) {
        let log: String = lines
            .iter()
            .map(|line| format!("2026-11-23 00:27:18.272 UTC [42] app@shop {line}\n"))
            .collect();
        let detection = detect(log.as_bytes());
        let mut decoder = Decoder::new(detection.format().expect("a known format"), None, 0);
        let (mut executions, mut events) = (Vec::new(), Vec::new());
        let mut sink = |decoded: Decoded<'_>| match decoded {
            Decoded::Execution(execution) => {
                executions.push((execution.query_time_us, execution.statement.to_vec()))
            }
            Decoded::Log(entry) => events.push((entry.severity, entry.kind, entry.statement.to_vec())),
            Decoded::Reject(reject) => panic!("{reject:?}"),
        };
        decoder.push(log.as_bytes(), &mut sink);
        decoder.finish(&mut sink);
        assert_eq!(executions, [(3_888, b"SELECT 1".to_vec())], "{log}");
        let expect = [
            (Severity::Log, LogKind::Message, Vec::new()),
            (Severity::Error, LogKind::Error, b"SELECT 2".to_vec()),
        ];
        assert_eq!(events, expect, "{log}");
    }

    #[test]
    fn logs_in_other_languages() {
        check([
            "LOG:  Dauer: 3.888 ms  Anweisung: SELECT 1",
            "LOG:  Checkpoint beginnt: time",
            "FEHLER:  Division durch Null",
            "ANWEISUNG:  SELECT 2",
        ]);
        check([
            "LOG:  durée : 3.888 ms, instruction : SELECT 1",
            "LOG:  début du checkpoint : time",
            "ERREUR:  division par zéro",
            "INSTRUCTION : SELECT 2",
        ]);
        check([
            "СООБЩЕНИЕ:  продолжительность: 3.888 мс, оператор: SELECT 1",
            "СООБЩЕНИЕ:  начата контрольная точка: time",
            "ОШИБКА:  деление на ноль",
            "ОПЕРАТОР:  SELECT 2",
        ]);
        check([
            "日志:  执行时间: 3.888 ms  语句: SELECT 1",
            "日志:  检查点开始: time",
            "错误:  除以零",
            "语句:  SELECT 2",
        ]);
    }
}
