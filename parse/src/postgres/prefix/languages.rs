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
