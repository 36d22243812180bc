//! What can go wrong, grouped by what the caller does next.

use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};

/// A client cannot be made, or a question was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Kafka: {action}: {reason}")]
pub struct KafkaError {
    action: &'static str,
    reason: String,
    is_outage: bool,
    is_not_allowed: bool,
}

impl KafkaError {
    pub(crate) fn new(action: &'static str, reason: impl std::fmt::Display) -> Self {
        Self { action, reason: format!("{reason}"), is_outage: false, is_not_allowed: false }
    }

    pub(crate) fn during(action: &'static str) -> impl FnOnce(ClientError) -> Self {
        move |error| {
            let code = match &error {
                ClientError::AdminOp(code) => Some(*code),
                error => error.rdkafka_error_code(),
            };
            let is_outage = code.is_some_and(|code| is_moving(code) || is_away(code));
            let is_not_allowed = code.is_some_and(is_not_allowed);
            Self { is_outage, is_not_allowed, ..Self::new(action, error) }
        }
    }

    /// Brokers are away or start, or partitions move: the same may be asked again later.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        self.is_outage
    }

    /// The account may not ask this.
    pub(crate) fn is_not_allowed(&self) -> bool {
        self.is_not_allowed
    }
}

fn is_not_allowed(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed)
}

/// A group's coordinator or a partition's leader starts or moves.
pub(crate) fn is_moving(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{
        CoordinatorLoadInProgress, CoordinatorNotAvailable, LeaderNotAvailable, NotCoordinator, NotLeaderForPartition,
    };
    matches!(
        code,
        CoordinatorLoadInProgress
            | CoordinatorNotAvailable
            | NotCoordinator
            | LeaderNotAvailable
            | NotLeaderForPartition
    )
}

/// No broker answers.
fn is_away(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{
        AllBrokersDown, BrokerNotAvailable, BrokerTransportFailure, NetworkException, OperationTimedOut,
        RequestTimedOut, Resolve,
    };
    matches!(
        code,
        AllBrokersDown
            | BrokerNotAvailable
            | BrokerTransportFailure
            | NetworkException
            | OperationTimedOut
            | RequestTimedOut
            | Resolve
    )
}

/// A record was not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProduceError {
    /// The broker will never take this record: too large, or malformed. Others go on.
    #[error("Kafka refuses the record: {0}")]
    Refused(String),
    /// The producer cannot go on; the process has to start again.
    #[error("the producer cannot go on: {0}")]
    Fatal(String),
}

impl ProduceError {
    pub(crate) fn from_client(error: &ClientError) -> Self {
        match error.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::MessageSizeTooLarge
                | RDKafkaErrorCode::InvalidMessageSize
                | RDKafkaErrorCode::InvalidMessage
                | RDKafkaErrorCode::InvalidRecord,
            ) => Self::Refused(error.to_string()),
            _ => Self::Fatal(error.to_string()),
        }
    }
}

/// A consumer cannot go on; the process has to start again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the consumer cannot go on: {0}")]
pub struct ConsumeError(pub(crate) String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outage_is_told_from_what_stays() {
        let error = |code| KafkaError::during("asking")(ClientError::MetadataFetch(code));
        assert!(error(RDKafkaErrorCode::BrokerTransportFailure).is_outage());
        assert!(error(RDKafkaErrorCode::LeaderNotAvailable).is_outage());
        assert!(!error(RDKafkaErrorCode::UnknownTopicOrPartition).is_outage());
        assert!(!KafkaError::new("asking", "no").is_outage());
        let of_an_admin = KafkaError::during("asking")(ClientError::AdminOp(RDKafkaErrorCode::OperationTimedOut));
        assert!(of_an_admin.is_outage());
    }
}
