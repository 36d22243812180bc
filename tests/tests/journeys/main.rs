//! End-to-end journeys: real Apache Kafka, the real ClickHouse engine, a real registry, S3 server and SMTP server, and every service
//! as a process of its own, as in production.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod at_least_once;
mod audit;
mod browser;
mod ctrl_c;
mod demo_input;
mod faults;
mod filters;
mod gone;
mod isolation;
mod kept;
mod kinds;
mod links;
mod made_anew;
mod mails;
mod oracle;
mod parts;
mod publishing;
mod readers;
mod refused;
mod refused_rows;
mod registry_away;
mod report_life;
mod restored;
mod schedules;
mod slices;
mod split;
mod stack;
mod starts_and_stops;
mod syncs;
mod totals;
mod traffic_tables;
mod webhooks;
