//! What can go wrong, grouped by what the caller does next.

use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};

/// Nothing more comes of this consumer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The client is broken: drop the consumer and make a new one. Nothing is lost, the work since the last commits is done again.
    #[error("the consumer has to be made anew: {0}")]
    MakeAnew(String),
    /// The broker does not want this member: another process has its instance id. A new consumer would only throw that one out.
    #[error("the consumer cannot go on: {0}")]
    Stop(String),
}

impl FetchError {
    /// From an error that librdkafka calls fatal.
    pub(crate) fn fatal(code: RDKafkaErrorCode, reason: &str) -> Self {
        match code {
            RDKafkaErrorCode::FencedInstanceId | RDKafkaErrorCode::UnreleasedInstanceId => {
                Self::Stop(format!("another process has this instance id: {reason}"))
            }
            _ => Self::MakeAnew(format!("{code}: {reason}")),
        }
    }
}

/// An offset was not committed, or it is not known whether it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitFailure {
    /// The partition does not belong to that epoch any more: forget the work on it.
    #[error("the partition is not ours any more: {0}")]
    NotOurs(String),
    /// No answer, or a passing refusal. It may have been committed all the same: try again.
    #[error("the offset was not committed: {0}")]
    Retry(String),
    /// The topic of that assignment is no more, and another one has its name: what was read may be of either.
    #[error("topic {0} was made anew since it was assigned")]
    OtherTopic(String),
    /// It will never be committed.
    #[error("the offset cannot be committed: {0}")]
    Stop(String),
}

impl CommitFailure {
    /// What a commit of a client comes to that is broken for this reason: as the thread that polls it decides, whichever of the two meets
    /// it first.
    pub(crate) fn of_broken_client(code: RDKafkaErrorCode, reason: &str) -> Self {
        match FetchError::fatal(code, reason) {
            FetchError::MakeAnew(reason) => Self::Retry(reason),
            FetchError::Stop(reason) => Self::Stop(reason),
        }
    }

    /// The answers that a broker gives to a commit, and those that the client makes itself.
    pub(crate) fn from_client(error: &ClientError) -> Self {
        use RDKafkaErrorCode as Code;
        let reason = error.to_string();
        match error.rdkafka_error_code() {
            // The member itself is gone, and with it every partition of this epoch.
            Some(Code::UnknownMemberId | Code::FencedInstanceId | Code::FencedMemberEpoch | Code::AssignmentLost) => {
                Self::NotOurs(reason)
            }
            // No answer of the broker will be another one.
            Some(
                Code::OffsetMetadataTooLarge
                | Code::InvalidCommitOffsetSize
                | Code::GroupAuthorizationFailed
                | Code::TopicAuthorizationFailed
                | Code::InvalidGroupId
                | Code::UnsupportedVersion
                | Code::InvalidArgument,
            ) => Self::Stop(reason),
            // The coordinator moves, starts, or does not answer. Or a rebalance is under way (`IllegalGeneration`, `StaleMemberEpoch`,
            // `RebalanceInProgress`): in cooperative groups partitions that are kept meet that too, and the gate knows which those
            // are. A member that is really gone is told so by its gate, so nothing is tried for ever. Or the client is broken (`Fatal`):
            // whether it is made anew is decided where it is polled, and with it this commit ends ([`Self::of_broken_client`]).
            Some(_) | None => Self::Retry(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_may_still_be_ours_where_only_a_rebalance_is_under_way() {
        let failure = |code| CommitFailure::from_client(&ClientError::ConsumerCommit(code));
        for code in [
            RDKafkaErrorCode::IllegalGeneration,
            RDKafkaErrorCode::StaleMemberEpoch,
            RDKafkaErrorCode::RebalanceInProgress,
            RDKafkaErrorCode::NotCoordinator,
            RDKafkaErrorCode::CoordinatorNotAvailable,
            RDKafkaErrorCode::CoordinatorLoadInProgress,
            RDKafkaErrorCode::RequestTimedOut,
            RDKafkaErrorCode::OperationTimedOut,
            RDKafkaErrorCode::BrokerTransportFailure,
            RDKafkaErrorCode::Fatal,
        ] {
            assert!(matches!(failure(code), CommitFailure::Retry(_)), "{code:?}");
        }
        for code in [RDKafkaErrorCode::UnknownMemberId, RDKafkaErrorCode::FencedInstanceId] {
            assert!(matches!(failure(code), CommitFailure::NotOurs(_)), "{code:?}");
        }
        for code in [RDKafkaErrorCode::OffsetMetadataTooLarge, RDKafkaErrorCode::GroupAuthorizationFailed] {
            assert!(matches!(failure(code), CommitFailure::Stop(_)), "{code:?}");
        }
    }

    #[test]
    fn only_a_second_process_of_the_same_name_stops_us_for_good() {
        let fenced = FetchError::fatal(RDKafkaErrorCode::FencedInstanceId, "x");
        assert!(matches!(fenced, FetchError::Stop(_)));
        assert!(matches!(FetchError::fatal(RDKafkaErrorCode::InvalidRequest, "x"), FetchError::MakeAnew(_)));
    }

    #[test]
    fn commit_of_a_client_that_is_made_anew_does_not_end_the_service() {
        let broken = CommitFailure::of_broken_client;
        assert!(matches!(broken(RDKafkaErrorCode::InvalidRequest, "x"), CommitFailure::Retry(_)));
        let fenced = broken(RDKafkaErrorCode::FencedInstanceId, "x");
        assert!(
            matches!(&fenced, CommitFailure::Stop(reason) if reason.starts_with("another process has")),
            "{fenced:?}"
        );
    }
}
