//! Properties of librdkafka that users may set: which there are, which of them are ours, and whether a value is one. Never shows a value that may
//! be a secret.

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

use crate::kafka::trouble::KafkaTrouble;

/// How alike a name has to be to be suggested, of 1.
const SIMILARITY_MIN: f64 = 0.7;

/// What follows from other options, or what this consumer relies on; and what to do instead.
const RESERVED: [(&str, &str); 19] = [
    ("auto.commit.interval.ms", OFFSETS),
    (
        "auto.offset.reset",
        "choose what happens with the options for unknown and lost offsets",
    ),
    ("bootstrap.servers", "set the option for the brokers"),
    (
        "builtin.features",
        "it tells what the client was built with and changes nothing",
    ),
    ("consume.callback.max.messages", ONE_BY_ONE),
    ("enable.auto.commit", OFFSETS),
    ("enable.auto.offset.store", OFFSETS),
    ("enable.partition.eof", ONE_BY_ONE),
    ("enabled_events", ONE_BY_ONE),
    ("group.id", "set the option for the group"),
    ("group.protocol", PROTOCOL),
    ("group.protocol.type", PROTOCOL),
    ("group.remote.assignor", PROTOCOL),
    ("log.queue", ONE_BY_ONE),
    ("metadata.broker.list", "set the option for the brokers"),
    ("partition.assignment.strategy", PROTOCOL),
    ("plugin.library.paths", "plug-ins are not loaded"),
    (
        "queued.max.messages.kbytes",
        "set the option for the bytes of the queue",
    ),
    ("statistics.interval.ms", ONE_BY_ONE),
];
const OFFSETS: &str = "offsets are kept in the lake, with the rows; remove it";
const ONE_BY_ONE: &str = "it is set to what reading needs; remove it";
const PROTOCOL: &str = "groups are balanced with the strategy cooperative-sticky; remove it";

/// What a user may set. The client is asked as well: this list is there to find the nearest name.
#[rustfmt::skip]
const KNOWN: [&str; 101] = [
    "allow.auto.create.topics",
    "api.version.request.timeout.ms",
    "broker.address.family",
    "broker.address.ttl",
    "check.crcs",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "connections.max.idle.ms",
    "coordinator.query.interval.ms",
    "debug",
    "enable.metrics.push",
    "enable.random.seed",
    "enable.sasl.oauthbearer.unsecure.jwt",
    "enable.ssl.certificate.verification",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.queue.backoff.ms",
    "fetch.wait.max.ms",
    "group.instance.id",
    "heartbeat.interval.ms",
    "https.ca.location",
    "https.ca.pem",
    "isolation.level",
    "log.connection.close",
    "log.thread.name",
    "log_level",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "message.copy.max.bytes",
    "message.max.bytes",
    "metadata.max.age.ms",
    "metadata.recovery.rebootstrap.trigger.ms",
    "metadata.recovery.strategy",
    "queued.min.messages",
    "receive.message.max.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.oauthbearer.assertion.algorithm",
    "sasl.oauthbearer.assertion.claim.aud",
    "sasl.oauthbearer.assertion.claim.exp.seconds",
    "sasl.oauthbearer.assertion.claim.iss",
    "sasl.oauthbearer.assertion.claim.jti.include",
    "sasl.oauthbearer.assertion.claim.nbf.seconds",
    "sasl.oauthbearer.assertion.claim.sub",
    "sasl.oauthbearer.assertion.file",
    "sasl.oauthbearer.assertion.jwt.template.file",
    "sasl.oauthbearer.assertion.private.key.file",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.client.credentials.client.id",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.extensions",
    "sasl.oauthbearer.grant.type",
    "sasl.oauthbearer.metadata.authentication.type",
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.token.endpoint.url",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "session.timeout.ms",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.max.fails",
    "socket.nagle.disable",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "socket.timeout.ms",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.cipher.suites",
    "ssl.crl.location",
    "ssl.curves.list",
    "ssl.endpoint.identification.algorithm",
    "ssl.engine.id",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.providers",
    "ssl.sigalgs.list",
    "topic.blacklist",
    "topic.metadata.propagation.max.ms",
    "topic.metadata.refresh.fast.interval.ms",
    "topic.metadata.refresh.interval.ms",
    "topic.metadata.refresh.sparse",
];

/// Whether a property may be set to a value, as far as the client tells without the others.
pub(super) fn check(name: &str, value: &str) -> Result<(), KafkaTrouble> {
    if let Some((_, instead)) = RESERVED.iter().find(|(reserved, _)| *reserved == name) {
        return Err(KafkaTrouble::ReservedProperty {
            name: name.to_owned(),
            instead,
        });
    }
    let mut config = ClientConfig::new();
    config.set(name, value);
    match config.create_native_config() {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
            Err(KafkaTrouble::UnknownProperty {
                name: name.to_owned(),
                nearest: nearest(name),
            })
        }
        Err(error) => Err(KafkaTrouble::PropertyValue {
            name: name.to_owned(),
            cause: cause(name, error),
        }),
    }
}

/// Whether a property's value is not for other eyes.
pub(super) fn is_secret(name: &str) -> bool {
    let marks = [
        "password",
        "passphrase",
        "secret",
        "key.pem",
        "oauthbearer.config",
    ];
    marks.iter().any(|mark| name.contains(mark))
}

fn cause(name: &str, error: KafkaError) -> String {
    match error {
        _ if is_secret(name) => "not a value that this property can have".to_owned(),
        KafkaError::ClientConfig(_, cause, ..) => cause,
        KafkaError::Nul(_) => "there is a NUL character in its name or value".to_owned(),
        other => other.to_string(),
    }
}

fn nearest(name: &str) -> Option<&'static str> {
    let reserved = RESERVED.iter().map(|(reserved, _)| *reserved);
    let similarity = |known: &'static str| (strsim::normalized_damerau_levenshtein(name, known), known);
    KNOWN
        .into_iter()
        .chain(reserved)
        .map(similarity)
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_reserved_properties_are_properties() {
        let native = ClientConfig::new().create_native_config().unwrap();
        for name in KNOWN.into_iter().chain(RESERVED.map(|(name, _)| name)) {
            // Some have no default, which is told like an unknown one; then setting tells.
            let is_known = native.get(name).is_ok() || {
                let mut config = ClientConfig::new();
                config.set(name, "-");
                !matches!(
                    config.create_native_config(),
                    Err(KafkaError::ClientConfig(
                        RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN,
                        ..
                    ))
                )
            };
            assert!(is_known, "{name}");
        }
    }

    #[test]
    fn values_and_names_are_checked() {
        let check = |name: &str, value: &str, expect: &str| {
            let found = match check(name, value) {
                Ok(()) => String::new(),
                Err(trouble) => format!("{trouble} | {}", trouble.hint().unwrap_or_default()),
            };
            assert_eq!(found, expect, "{name}");
        };
        check("security.protocol", "sasl_ssl", "");
        check("sasl.mechanisms", "PLAIN", "");
        check("sasl.password", "x", "");
        check("session.timeout.ms", "45000", "");
        check(
            "security.protcol",
            "ssl",
            "security.protcol: there is no such property of a Kafka consumer; the nearest is security.protocol | ",
        );
        check(
            "ssl.ca.locatoin",
            "x",
            "ssl.ca.locatoin: there is no such property of a Kafka consumer; the nearest is ssl.ca.location | ",
        );
        check(
            "zzz",
            "x",
            "zzz: there is no such property of a Kafka consumer | ",
        );
        check(
            "group.id",
            "x",
            "group.id: this property cannot be set | set the option for the group",
        );
        check(
            "security.protocol",
            "tls",
            "security.protocol: Invalid value \"tls\" for configuration property \"security.protocol\" | ",
        );
        check(
            "session.timeout.ms",
            "soon",
            "session.timeout.ms: Invalid value for configuration property \"session.timeout.ms\" | ",
        );
        check(
            "client.id",
            "a\0b",
            "client.id: there is a NUL character in its name or value | ",
        );
    }
}
