/// What an admin does, from sign-in to a downloaded report, and what they see when things go wrong.
import { expect, test } from '@playwright/test';
import { anEstimate } from '../src/testing/builders';
import { mockApi, SECRET } from './mockedApi';

test('a wrong password is said, the right one leads to the page that was asked for', async ({ page }) => {
  await mockApi(page, { signedIn: false });
  await page.goto('/users');
  await page.getByLabel('Tenant').fill('acme');
  await page.getByLabel('Account').fill('admin');
  await page.getByLabel('Password', { exact: true }).fill('wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toContainText('is wrong');
  await page.getByLabel('Password', { exact: true }).fill('right');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Users' })).toBeVisible();
});

test('a report is asked for, followed and downloaded', async ({ page }) => {
  const api = await mockApi(page);
  await page.goto('/');
  await page.getByRole('button', { name: 'New Report' }).click();
  await page.getByLabel('From').fill('2026-11-01T00:00');
  await page.getByLabel('To', { exact: true }).fill('2026-11-08T00:00');
  await page.getByRole('textbox', { name: 'Remote Networks' }).click();
  await page.getByRole('option', { name: 'aws-us-east-1' }).click();
  // The list of options stays open, and may lie over the button, until the field is left.
  await page.keyboard.press('Tab');
  await page.getByRole('button', { name: 'Request report' }).click();
  await expect(page.getByRole('dialog')).toBeHidden();
  expect(api.posted).toEqual([
    {
      from: '2026-11-01T00:00',
      to: '2026-11-08T00:00',
      zone: 'Europe/Berlin',
      remote_networks: ['64894'],
      denied: false,
      kind: 'events',
      format: 'csv',
      columns: [],
      compression: 'none',
      byte_order_mark: false,
      formula_guard: false,
      table: null,
      split: null,
    },
  ]);

  const newest = page.getByRole('list', { name: 'Reports' }).getByRole('listitem').first();
  await expect(newest).toContainText('Requested');
  api.reports = api.reports.map((report) =>
    report.id === 'r9'
      ? { ...report, state: 'completed', rows: 20, size_bytes: 4_000, file_name: 'network-events.csv' }
      : report,
  );
  await expect(newest).toContainText('20 rows, 4.0 kB', { timeout: 10_000 });
  await expect(page.getByText('Report: Completed: 20 rows')).toBeAttached();

  const download = page.waitForEvent('download');
  await newest.getByRole('link', { name: 'Download' }).click();
  // The file itself comes past the mocked API.
  expect((await download).url()).toContain('/api/v1/reports/r9/download');
});

test('changes arrive over the stream, without asking', async ({ page }) => {
  await page.addInitScript(() => {
    class Stream extends EventTarget {
      static OPEN = 1;
      static CLOSED = 2;
      readyState = 1;
      onopen: (() => void) | null = null;
      onerror: (() => void) | null = null;
      constructor() {
        super();
        (window as unknown as { stream: Stream }).stream = this;
        setTimeout(() => this.onopen?.());
      }
      close() {}
    }
    (window as unknown as { EventSource: unknown }).EventSource = Stream;
  });
  const api = await mockApi(page);
  await page.goto('/settings/analytics');
  await expect(page.getByText('42 %')).toBeVisible();
  await expect(page.getByText('Live updates are not available')).toBeHidden();
  const changed = { ...api.reports.find(({ id }) => id === 'r5'), rows: 2_970_000 };
  await page.evaluate((report) => {
    const { stream } = window as unknown as { stream: EventTarget };
    stream.dispatchEvent(new MessageEvent('changed', { data: JSON.stringify(report) }));
  }, changed);
  await expect(page.getByText('90 %')).toBeVisible();
});

test('a report of several files: what they are, each on its own, and the manifest', async ({ page }) => {
  await mockApi(page);
  await page.goto('/settings/analytics');
  const manifest = page.getByRole('button', { name: /^Manifest/ }).last();
  await manifest.click();
  const shown = page.getByRole('dialog', { name: 'Manifest' });
  await expect(shown).toContainText('3,300,000');
  await expect(shown).toContainText('2'.repeat(64));
  const download = page.waitForEvent('download');
  await shown.getByRole('link', { name: 'Download part-00002.parquet' }).click();
  expect((await download).url()).toContain('/api/v1/reports/r3b/download?file=2');
  const itself = page.waitForEvent('download');
  await shown.getByRole('link', { name: 'Download the manifest' }).click();
  expect((await itself).url()).toContain('/api/v1/reports/r3b/manifest');
  await page.keyboard.press('Escape');
  await expect(shown).toBeHidden();
  await expect(manifest).toBeFocused();
});

test('a report of some connections is asked for: found as one types, estimated meanwhile, told to others', async ({ page }) => {
  const api = await mockApi(page, { estimate: null });
  await page.goto('/settings/analytics');
  await page.getByRole('button', { name: 'New Report' }).click();
  const form = page.getByRole('dialog', { name: 'New Report' });
  const estimate = form.getByRole('status', { name: 'Estimate' });
  await expect(estimate).toHaveText(/cannot be told: the database does not answer/);
  api.estimate = anEstimate({ connections: 41_000, rows: 41_000, size_bytes: 10_168_000 });
  await form.getByRole('button', { name: 'More filters' }).click();
  const users = form.getByRole('textbox', { name: 'Users' });
  await users.pressSequentially('jane');
  await page.getByRole('option', { name: 'jane@corp.example' }).click();
  await expect(estimate).toHaveText('About 41,000 connections, some 10 MB.');
  expect(api.estimated.at(-1)?.users).toEqual(['890123']);
  await users.press('Tab');
  await form.getByRole('textbox', { name: 'Ports' }).fill('443');
  await form.getByRole('textbox', { name: 'Receivers' }).fill('ops@acme.example');
  await form.getByRole('button', { name: 'More filters, 2 set' }).click();
  await expect(users).toBeHidden();
  await form.getByRole('button', { name: 'Request report' }).click();
  await expect(form).toBeHidden();
  expect(api.posted).toMatchObject([{ users: ['890123'], ports: ['443'], receivers: ['ops@acme.example'] }]);
});

test('a schedule of a Summary as Parquet is kept', async ({ page }) => {
  const api = await mockApi(page);
  await page.goto('/settings/analytics');
  await page.getByRole('button', { name: 'New Schedule' }).click();
  const form = page.getByRole('dialog', { name: 'New Schedule' });
  await form.getByLabel('Name').fill('Monthly summary');
  await form.getByLabel('Kind').selectOption('summary');
  await form.getByLabel('Format').selectOption('parquet');
  await form.getByRole('button', { name: 'Save schedule' }).click();
  await expect(form).toBeHidden();
  await expect(page.getByRole('article', { name: 'Schedule Monthly summary' })).toContainText('Summary, Parquet');
  expect(api.posted).toMatchObject([{ name: 'Monthly summary', kind: 'summary', format: 'parquet', compression: 'none' }]);
});

test('a report is asked for in files for a spreadsheet, or of a size, and what is too small is said at its field', async ({ page }) => {
  const api = await mockApi(page);
  await page.goto('/settings/analytics');
  await page.getByRole('button', { name: 'New Report' }).click();
  const form = page.getByRole('dialog', { name: 'New Report' });
  await form.getByRole('button', { name: 'Last 7 days' }).click();
  await expect(form.getByLabel('From')).toHaveValue(/T00:00$/);
  await expect(form.getByLabel('To', { exact: true })).toHaveValue(/T00:00$/);
  await form.getByLabel('Files').selectOption('For a spreadsheet');
  await expect(form.getByText(/as many lines as Excel and LibreOffice take/)).toBeVisible();
  await form.getByLabel('Files').selectOption('By size');
  const [rows, megabytes] = [form.getByLabel('Rows a file, at most'), form.getByLabel('Megabytes a file, at most')];
  await rows.fill('500');
  await form.getByRole('button', { name: 'Request report' }).click();
  await expect(rows).toHaveAttribute('aria-invalid', 'true');
  await expect(form.getByText('Enter 1,000 rows or more.')).toBeVisible();
  expect(api.posted).toEqual([]);
  await rows.fill('');
  await rows.pressSequentially('250000');
  await expect(rows).toHaveValue('250,000');
  await megabytes.pressSequentially('2.5');
  await form.getByRole('button', { name: 'Request report' }).click();
  await expect(form).toBeHidden();
  expect(api.posted).toMatchObject([{ split: { rows: 250_000, bytes: 2_500_000 } }]);
});

test('a schedule is changed with the keyboard, with its filters and receivers', async ({ page }) => {
  const api = await mockApi(page);
  await page.goto('/settings/analytics');
  const schedule = page.getByRole('article', { name: /^Schedule Büro/ });
  const change = schedule.getByRole('button', { name: /^Change/ });
  await change.focus();
  await page.keyboard.press('Enter');
  const form = page.getByRole('dialog', { name: 'Change schedule' });
  await expect(form).toContainText('It belongs to jo, and to you once you save it.');
  await expect(form.getByLabel('Made')).toHaveValue('cron');
  await expect(form.getByLabel('Cron')).toHaveValue('15 6 * * 1-5');
  await expect(form.getByLabel('Megabytes a file, at most')).toHaveValue('2.5');
  await form.getByLabel('Made').selectOption('Every week');
  await form.getByLabel('Range').selectOption('last week');
  await form.getByRole('button', { name: 'More filters, 3 set' }).press('Enter');
  const users = form.getByRole('textbox', { name: 'Users' });
  await expect(form.getByText('jane@corp.example')).toBeVisible();
  await users.press('Backspace');
  await form.getByRole('textbox', { name: 'Protocols' }).fill('ud');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(form.getByRole('button', { name: 'More filters, 3 set' })).toBeVisible();
  await form.getByRole('textbox', { name: 'Receivers' }).fill('ops@acme.example');
  await page.keyboard.press('Tab');
  await form.getByRole('switch', { name: /^Mark as UTF-8/ }).check();
  await form.getByLabel('Rows a file, at most').fill('1000');
  await form.getByRole('button', { name: 'Save schedule' }).click();
  await expect(form.getByText('split.rows is below 2000')).toBeVisible();
  await form.getByLabel('Rows a file, at most').fill('2000');
  await page.keyboard.press('Enter');
  await expect(form).toBeHidden();
  await expect(change).toBeFocused();
  await expect(schedule).toContainText('weekly on monday at 06:00 Europe/Berlin, last week, gzip, files of 2,000 rows or 2.5 MB');
  expect(api.posted.at(-1)).toMatchObject({
    when: 'weekly on monday at 06:00',
    range: 'last week',
    ports: ['443', '8000-8999'],
    client_addresses: ['192.0.2.0/24'],
    protocols: ['udp'],
    receivers: ['admin@acme.example', 'ops@acme.example'],
    byte_order_mark: true,
    formula_guard: false,
    split: { rows: 2_000, bytes: 2_500_000 },
  });
  expect(api.posted.at(-1)).not.toHaveProperty('users');
  expect(api.done).toContain('PUT /report-schedules/s-2');
  await schedule.getByRole('button', { name: /^Resume/ }).click();
  await expect(schedule.getByRole('button', { name: /^Pause/ })).toBeVisible();
});

test('a bucket sync is made, paused with the keyboard, given a past range, and deleted once that was confirmed', async ({ page }) => {
  const api = await mockApi(page, { syncs: [] });
  await page.goto('/settings/analytics');
  await page.getByRole('link', { name: 'Bucket syncs' }).click();
  await expect(page.getByRole('heading', { name: 'Bucket syncs' })).toBeInViewport();
  await page.getByRole('button', { name: 'New Bucket Sync' }).click();
  const form = page.getByRole('dialog', { name: 'New Bucket Sync' });
  await form.getByLabel('Name').fill('To our lake');
  await form.getByLabel('Interval').selectOption('900');
  await form.getByRole('textbox', { name: 'Receivers' }).fill('ops@acme.example, it@acme.example');
  await form.getByRole('button', { name: 'Save bucket sync' }).click();
  await expect(form).toBeHidden();
  const sync = page.getByRole('article', { name: 'Bucket sync To our lake' });
  await expect(sync).toContainText('NDJSON, gzip, every 15 min');
  const made = { name: 'To our lake', destination: 'lake', format: 'ndjson', compression: 'gzip' };
  expect(api.posted).toEqual([{ ...made, remote_networks: [], denied: false, interval_seconds: 900, receivers: ['ops@acme.example', 'it@acme.example'] }]);

  await sync.getByRole('button', { name: /^Pause/ }).focus();
  await page.keyboard.press('Enter');
  const resume = sync.getByRole('button', { name: /^Resume/ });
  await expect(resume).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(sync.getByRole('button', { name: /^Pause/ })).toBeFocused();

  await sync.getByRole('button', { name: /^Backfill/ }).click();
  const past = page.getByRole('dialog', { name: 'Backfill' });
  await past.getByLabel('From').fill('2026-10-01T02:00');
  await past.getByLabel('To', { exact: true }).fill('2026-10-02T02:00');
  await past.getByRole('button', { name: 'Backfill' }).click();
  await expect(past).toBeHidden();
  expect(api.posted.at(-1)).toEqual({ from: '2026-10-01T02:00', to: '2026-10-02T02:00', zone: 'Europe/Berlin' });
  await expect(sync).toContainText('2026-10-01 02:00 – 2026-10-02 02:00 Europe/Berlin: being written');
  await expect(sync.getByRole('status', { name: 'Backfill in UTC' })).toHaveText('In UTC: 2026-10-01 00:00 – 2026-10-02 00:00 UTC');
  const [served] = api.syncs;
  if (served) api.syncs = [{ ...served, backfills: served.backfills.map((it) => ({ ...it, state: 'done', objects: 24 })) }];
  await expect(sync).toContainText('done, 24 objects', { timeout: 30_000 });

  const remove = sync.getByRole('button', { name: /^Delete/ });
  await remove.click();
  const question = page.getByRole('dialog', { name: 'Delete this bucket sync?' });
  await page.keyboard.press('Escape');
  await expect(question).toBeHidden();
  await expect(remove).toBeFocused();
  expect(api.done).not.toContain('DELETE /syncs/b-9');
  await remove.click();
  await question.getByRole('button', { name: 'Delete' }).click();
  await expect(sync).toBeHidden();
  await expect(page.getByRole('heading', { name: 'Bucket syncs' })).toBeFocused();
  expect(api.done).toContain('DELETE /syncs/b-9');
});

test('a webhook is made, its secret is seen once, and what it was told is told again', async ({ page }) => {
  const api = await mockApi(page, { webhooks: [] });
  await page.goto('/settings/analytics');
  await page.getByRole('link', { name: 'Webhooks' }).click();
  await page.getByRole('button', { name: 'New Webhook' }).click();
  const form = page.getByRole('dialog', { name: 'New Webhook' });
  await form.getByLabel('Name').fill('Build');
  await form.getByLabel('Address').fill('https://build.acme.example/hook');
  await form.getByLabel("A report's file has expired").uncheck();
  await form.getByRole('button', { name: 'Save webhook' }).click();
  const secret = page.getByLabel('Secret', { exact: true });
  await expect(secret).toHaveValue(SECRET);
  await expect(form).toBeHidden();
  await expect(secret).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(secret).toBeVisible();
  await page.getByRole('button', { name: 'I have kept it' }).click();
  await expect(secret).toBeHidden();
  const events = ['report.completed', 'report.failed', 'report.cancelled'];
  expect(api.posted).toEqual([{ name: 'Build', url: 'https://build.acme.example/hook', events }]);

  const webhook = page.getByRole('article', { name: 'Webhook Build' });
  await webhook.getByRole('button', { name: /^Rotate secret/ }).click();
  await page.getByRole('button', { name: 'Rotate secret', exact: true }).click();
  await expect(secret).toBeFocused();
  await page.getByRole('button', { name: 'I have kept it' }).click();
  await expect(secret).toBeHidden();
  await expect(webhook).toContainText('The secret before signs too until 2026-11-25 13:00');

  await webhook.getByRole('button', { name: /^Deliveries/ }).click();
  const log = page.getByRole('dialog', { name: 'Deliveries' });
  const abandoned = log.getByRole('article').nth(1);
  await expect(abandoned).toContainText('10 tries, no answer within 15 s');
  await abandoned.getByRole('button', { name: /^Tell again/ }).click();
  await expect(abandoned).toContainText('Told again 1 time');
  expect(api.done).toContain('POST /webhooks/w-9/deliveries/m-2/redeliver');
  await page.keyboard.press('Escape');
  await expect(log).toBeHidden();

  await webhook.getByRole('button', { name: /^Pause/ }).click();
  await expect(webhook).toContainText('Paused');
  await webhook.getByRole('button', { name: /^Delete/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByText('No webhooks yet')).toBeVisible();
});

test('the details of a connection open and close with the keyboard, and focus comes back', async ({ page }) => {
  await mockApi(page);
  await page.goto('/users/890123');
  const first = page.getByRole('button', { name: /^2026-11-24 12:59:12/ }).first();
  await first.focus();
  await page.keyboard.press('Enter');
  const details = page.getByRole('dialog', { name: 'Connection details' });
  await expect(details).toContainText('10.11.12.13:443');
  await expect(details).toContainText('2026-11-24 12:59:12 Europe/Berlin');
  await expect(details).toContainText('2026-11-24 11:59:12 UTC');
  await page.keyboard.press('Escape');
  await expect(details).toBeHidden();
  await expect(first).toBeFocused();
});

test('a session that ends under the page leads to the sign-in, and back', async ({ page }) => {
  const api = await mockApi(page);
  await page.goto('/resources');
  await expect(page.getByText('*.corp.example')).toBeVisible();
  api.signedIn = false;
  await page.getByLabel('Search by address').fill('git');
  await expect(page.getByText('Your session has ended')).toBeVisible();
  await page.getByLabel('Tenant').fill('acme');
  await page.getByLabel('Account').fill('admin');
  await page.getByLabel('Password', { exact: true }).fill('right');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { name: 'Resources' })).toBeVisible();
});

test('a server that is away is said, and tried again', async ({ page }) => {
  const api = await mockApi(page, { away: true });
  await page.goto('/users');
  await expect(page.getByRole('alert')).toContainText('does not answer');
  api.away = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByText('jane@corp.example')).toBeVisible();
});

test('the colour scheme that was chosen is kept', async ({ page }) => {
  await mockApi(page);
  await page.goto('/users');
  await page.getByLabel('Colour scheme').selectOption('dark');
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', 'dark');
});

test("nothing is loaded from another host, and the page runs under the console's policy", async ({ page, baseURL }) => {
  const elsewhere: string[] = [];
  const refused: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(baseURL ?? '')) elsewhere.push(request.url());
  });
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) refused.push(message.text());
  });
  await page.route('**/*', async (route) => {
    if (route.request().resourceType() !== 'document') return route.fallback();
    const response = await route.fetch();
    const policy =
      "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
      "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    await route.fulfill({ response, headers: { ...response.headers(), 'content-security-policy': policy } });
  });
  await mockApi(page);
  await page.goto('/settings/analytics');
  await page.getByRole('button', { name: 'New Report' }).click();
  await expect(page.getByRole('dialog')).toBeVisible();
  expect(elsewhere).toEqual([]);
  expect(refused).toEqual([]);
});
