/// The console API's JSON, under /api/v1. Ids are decimal text, times RFC 3339 in UTC, counters numbers.

export interface Session {
  tenant: string;
  account: string;
}

export interface Credentials extends Session {
  password: string;
}

export type ReportState =
  | 'requested'
  | 'waiting'
  | 'running'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'expired';

export type Compression = 'none' | 'gzip' | 'zstd';

export type FileKind = 'events' | 'summary' | 'users' | 'traffic';

/** Which table of traffic, in the words of `GET /traffic/series`. */
export interface FileTable {
  /** Absent or null: the whole range. */
  bucket?: string | null;
  by: string[];
  /** Empty means connections. */
  measures: string[];
}

export type FileFormat = 'csv' | 'ndjson' | 'parquet';

/** What was asked for of it is null, empty or as usual where the request itself is not known. */
export interface Report extends Partial<Narrowing> {
  id: string;
  state: ReportState;
  /** Somebody wants it no more; it ends in a moment. */
  cancel_requested?: boolean;
  requested_at: string | null;
  requested_by: string | null;
  from: string | null;
  to: string | null;
  /** IANA name of the zone that the range was entered in. */
  zone: string | null;
  kind?: FileKind;
  format?: FileFormat;
  table?: FileTable | null;
  columns?: string[];
  byte_order_mark?: boolean;
  formula_guard?: boolean;
  /** Ids; empty means all. */
  remote_networks: string[];
  denied: boolean;
  compression: Compression;
  split?: FileSplit | null;
  /** Events that ingest has still to store before the report may be made. */
  events_behind?: number | null;
  rows: number;
  rows_expected?: number | null;
  /** What slices have counted of a report of groups becomes its file: `rows` are merged, of those that were read. */
  merging?: boolean;
  /** While it runs, and once it has run for a few seconds: when it will be completed, by what is known now. */
  ends_at?: string | null;
  size_bytes: number;
  file_name?: string | null;
  /** Once it is completed: how many files it has. */
  files?: number;
  /** Why it failed, in words for an admin. */
  reason?: string | null;
  completed_at?: string | null;
  /** When the file will be deleted; null where it stays. */
  expires_at?: string | null;
  /** Receivers whose e-mail was sent. */
  notified: number;
  downloads: number;
}

/** Where each file of a report ends: before the row that would be too much of either. The preset is said in place of rows. */
export interface FileSplit {
  rows?: number;
  /** Before it is packed. */
  bytes?: number;
  preset?: 'spreadsheet';
}

/** What a file lists and how it is written. */
export interface FileChoice {
  denied: boolean;
  kind: FileKind;
  format: FileFormat;
  /** Of events but for NDJSON; empty means the usual 26. */
  columns: string[];
  compression: Compression;
  byte_order_mark: boolean;
  formula_guard: boolean;
  /** Of traffic alone. */
  table: FileTable | null;
  /** null: as few files as there can be. */
  split: FileSplit | null;
}

/** What is asked for: from and to, or a range by its name. */
export interface NewReport extends FileChoice, Partial<Narrowing> {
  /** Local times in `zone`, such as `2026-11-01T00:00`. */
  from?: string;
  to?: string;
  /** As seen from when it is asked for, such as `last hour`. */
  range?: string;
  zone: string;
  remote_networks: string[];
  /** E-mail addresses; none means who asks. */
  receivers?: string[];
}

/** A range as the server took it. */
export interface TakenRange {
  /** UTC. */
  from: string;
  to: string;
  /** What was made of a local time that does not occur or occurs twice; begins with a verb. */
  from_note?: string;
  to_note?: string;
}

/** How large a report would be that was asked for now. */
export interface Estimate extends TakenRange {
  /** That are read for it. */
  connections: number;
  /** null for kinds of which only making it tells. */
  rows: number | null;
  /** About; null where no size of such a row was measured. */
  size_bytes: number | null;
  source: string;
  /** False where the range reaches into the newest hours. */
  exact: boolean;
  /** How long its files are kept; null: for good. */
  keep_days: number | null;
  /** What would refuse it, where something would by what is known now. */
  over_limit: { limit: string; message: string; again_at: string | null } | null;
}

/** What the files of a completed report are; of a manifest, what the page shows. */
export interface Manifest {
  rows: number;
  /** In the order of their rows. */
  files: ManifestFile[];
  /** What it was held against before it was completed; none of an older program. */
  totals?: ManifestTotals;
  completed_at: string;
}

export interface ManifestTotals {
  source: 'rollup' | 'none';
  /** Why it could not be. */
  reason?: string;
  /** `false`: the roll-ups were behind the rows, which agreed. */
  agree?: boolean;
}

export interface ManifestFile {
  name: string;
  size_bytes: number;
  /** Hexadecimal, of the stored object. */
  sha256: string;
}

/** Which connections, beside Remote Networks: a list holds where any of its values does, an empty one lets all through. */
export interface Narrowing {
  /** Ids, as those of service accounts, Resources, Connectors and devices. */
  users: string[];
  service_accounts: string[];
  resources: string[];
  applied_rules: string[];
  connectors: string[];
  devices: string[];
  protocols: string[];
  /** `443`, `8000-8999` */
  ports: string[];
  statuses: string[];
  tunnel_paths: string[];
  countries: string[];
  /** Addresses and CIDR ranges. */
  client_addresses: string[];
  resource_addresses: string[];
  /** Of the client or of the Resource. */
  addresses: string[];
  /** Text in the name that was asked for; null: any. */
  domain: string | null;
}

/** What is to be kept. `when` and `range` are words, such as `daily at 06:00` and `last week`. */
export interface NewSchedule extends FileChoice, Partial<Narrowing> {
  name: string;
  when: string | null;
  range: string;
  zone: string;
  remote_networks: string[];
  receivers?: string[];
}

export interface NextRun {
  due: string;
  from: string;
  to: string;
}

/** When reports are made of what is not kept yet, in the words of a schedule. */
export interface Times {
  /** null: only by hand. */
  when: string | null;
  range: string;
  zone: string;
}

/** What is told of a schedule before it is kept. */
export interface SchedulePreview {
  next_runs: NextRun[];
  /** How long the files of each report are kept; null: for good. */
  keep_days: number | null;
}

export interface Schedule extends NewSchedule {
  id: string;
  receivers: string[];
  state: 'active' | 'by_hand' | 'paused';
  /** Why nothing is made by it though nobody paused it. */
  reason: string | null;
  owner: string;
  next_runs: NextRun[];
  /** The newest report that was made by it. */
  last_run: Report | null;
}

export interface ChangedSync {
  name: string;
  interval_seconds: number;
  /** E-mail addresses: who is told when it fails. */
  receivers: string[];
}

export interface NewSync extends ChangedSync, Partial<Narrowing> {
  /** One of the buckets that the operator has named. */
  destination: string;
  format: 'ndjson' | 'parquet';
  compression: Compression;
  /** Ids; empty means all. */
  remote_networks: string[];
  denied: boolean;
}

export interface BucketSync extends NewSync {
  id: string;
  state: 'active' | 'failing' | 'paused';
  /** Why it fails. */
  reason: string | null;
  failing_since: string | null;
  created_at: string;
  /** End of the last interval whose events are in the bucket. */
  reached: string;
  /** How long ago that was; null while it is paused. */
  lag_seconds: number | null;
  /** The last one that held something. */
  last_object: { number: number; key: string; rows: number; size_bytes: number; stored_at: string } | null;
  /** Past ranges, in the order in which they were asked for and are brought. */
  backfills: Backfill[];
}

/** A sync of which a past range was asked for now. */
export interface AskedBackfill extends BucketSync {
  /** The whole hours of UTC that hold what was asked for. */
  range: TakenRange;
}

export interface Backfill {
  /** Among those of its sync, from 1. */
  number: number;
  from: string;
  to: string;
  state: 'waiting' | 'done' | 'cancelled';
  /** All before is in the bucket. */
  reached: string;
  hours_done: number;
  hours: number;
  /** Objects so far: hours that held something. */
  objects: number;
}

export interface BucketSyncs {
  syncs: BucketSync[];
  destinations: string[];
}

/** Local times of the zone. */
export interface PastRange {
  from: string;
  to: string;
  zone: string;
}

export type WebhookEvent = 'report.completed' | 'report.failed' | 'report.cancelled' | 'report.expired';

export interface NewWebhook {
  name: string;
  url: string;
  events: WebhookEvent[];
  /** Who gets a mail when it is away; who asks, where it is left out. */
  contact?: string;
}

export interface Webhook extends NewWebhook {
  id: string;
  contact: string;
  /** `away`: it took nothing for days, and is told nothing more. */
  state: 'active' | 'failing' | 'away' | 'paused';
  failing_since: string | null;
  /** Until when the secret before signs too. */
  former_secret_until: string | null;
  changed_at: string;
  changed_by: string;
}

/** As it is shown once. */
export interface WebhookWithSecret extends Webhook {
  secret: string;
}

export interface Delivery {
  id: string;
  event: WebhookEvent;
  report_id: string;
  attempt: number;
  happened_at: string;
  state: 'delivered' | 'waiting' | 'given_up';
  tries: number;
  /** When the last thing became of it. */
  at: string;
  next_try_at: string | null;
  /** Status of the last answer. */
  status: number | null;
  /** Why the last try failed. */
  problem: string | null;
  took_ms: number | null;
  /** How often somebody wanted it again. */
  redeliveries: number;
}

export interface DeliveryPage {
  /** Newest first. */
  deliveries: Delivery[];
  /** Absent at the end. */
  next?: string;
}

export interface Named {
  id: string;
  name: string;
}

export type ConnectionStatus = 'NORMAL' | 'DNS_ERROR' | 'CONNECTION_FAILED' | 'ACCESS_DENIED';

export interface Relay {
  name?: string | null;
  ip?: string | null;
  port?: number | null;
}

/** A network of the Internet, by its AS number. */
export interface Network {
  asn: number;
  organisation?: string | null;
}

export interface Connection {
  event_id: string;
  start_time: string;
  end_time: string;
  duration_ms: number;
  status: ConnectionStatus;
  user?: { id: string; email: string } | null;
  service_account?: { id: string; name: string; key?: string | null; key_id?: string | null } | null;
  device_id?: string | null;
  client_ip?: string | null;
  /** Only where the console has a database of networks. */
  client_network?: Network | null;
  connector: Named;
  remote_network: Named;
  resource: { id: string; address: string; applied_rule?: string | null };
  resource_ip?: string | null;
  resource_port?: number | null;
  protocol: 'tcp' | 'udp' | 'icmp';
  connection_type: 'direct' | 'relay';
  /** Client to Resource. */
  bytes_transferred: number;
  /** Resource to client. */
  bytes_received: number;
  relays: Relay[];
  error_message?: string | null;
}
