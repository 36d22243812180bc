/// An admin's way through the pages of a console that runs: what was logged by Connectors is what they see and download.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, type Page, test } from '@playwright/test';

const { FLOWLEDGER_TENANT, FLOWLEDGER_ACCOUNT, FLOWLEDGER_PASSWORD, FLOWLEDGER_DOWNLOAD } = process.env;

function given(name: string, value: string | undefined): string {
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

async function signIn(page: Page) {
  await page.goto('/settings/analytics');
  await page.getByLabel('Tenant').fill(given('FLOWLEDGER_TENANT', FLOWLEDGER_TENANT));
  await page.getByLabel('Account').fill(given('FLOWLEDGER_ACCOUNT', FLOWLEDGER_ACCOUNT));
  await page.getByLabel('Password', { exact: true }).fill(given('FLOWLEDGER_PASSWORD', FLOWLEDGER_PASSWORD));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { name: 'Analytics' })).toBeVisible();
}

test('a report of a range in the zone of the viewer is made and downloaded', async ({ page }) => {
  await signIn(page);
  await page.getByRole('button', { name: 'New Report' }).click();
  await page.getByLabel('From').fill('2026-10-01T00:00');
  await page.getByLabel('To', { exact: true }).fill('2026-12-01T00:00');
  await page.getByRole('button', { name: 'Request report' }).click();
  const newest = page.getByRole('list', { name: 'Reports' }).getByRole('listitem').first();
  await expect(newest).toContainText('2026-10-01 00:00 – 2026-12-01 00:00 Europe/Berlin');
  await expect(newest).toContainText('Completed');
  await page.screenshot({ path: 'test-results/live/analytics.png' });
  const downloading = page.waitForEvent('download');
  await newest.getByRole('link', { name: 'Download' }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toMatch(/^flowledger-.*-network-events-20260930T220000Z-20261130T230000Z\.csv$/);
  const file = given('FLOWLEDGER_DOWNLOAD', FLOWLEDGER_DOWNLOAD);
  await download.saveAs(file);
  expect(await readFile(file, 'utf8')).toMatch(/^start_time,/);

  await newest.getByRole('button', { name: /^Manifest/ }).click();
  const manifest = page.getByRole('dialog', { name: 'Manifest' });
  await expect(manifest).toContainText(createHash('sha256').update(await readFile(file)).digest('hex'));
  const itself = page.waitForEvent('download');
  await manifest.getByRole('link', { name: 'Download the manifest' }).click();
  expect((await itself).suggestedFilename()).toBe(`${download.suggestedFilename()}.manifest.json`);
});

test('a bucket sync is made, given a past range, paused and deleted', async ({ page }) => {
  await signIn(page);
  await page.getByRole('button', { name: 'New Bucket Sync' }).click();
  const form = page.getByRole('dialog', { name: 'New Bucket Sync' });
  await form.getByLabel('Name').fill('To our lake');
  await form.getByRole('button', { name: 'Save bucket sync' }).click();
  const sync = page.getByRole('article', { name: 'Bucket sync To our lake' });
  await expect(sync).toContainText('Active');
  await sync.getByRole('button', { name: /^Backfill/ }).click();
  const past = page.getByRole('dialog', { name: 'Backfill' });
  await past.getByLabel('From').fill('2026-10-01T00:00');
  await past.getByLabel('To', { exact: true }).fill('2026-12-01T00:00');
  await past.getByRole('button', { name: 'Backfill' }).click();
  await expect(sync).toContainText(/2026-10-01 00:00 – 2026-12-01 00:00 Europe\/Berlin: done, [1-9][0-9]* objects?/);
  await page.screenshot({ path: 'test-results/live/bucket-sync.png', fullPage: true });
  await sync.getByRole('button', { name: /^Pause/ }).click();
  await expect(sync).toContainText('Paused');
  await page.reload();
  await expect(sync).toContainText('Paused');
  await sync.getByRole('button', { name: /^Delete/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(sync).toBeHidden();
});

test('a schedule is kept, changed with all that it had, and deleted', async ({ page }) => {
  await signIn(page);
  await page.getByRole('button', { name: 'New Schedule' }).click();
  let form = page.getByRole('dialog', { name: 'New Schedule' });
  await form.getByLabel('Name').fill('Each day');
  await form.getByRole('switch', { name: /^Mark as UTF-8/ }).check();
  await form.getByLabel('Files').selectOption('By size');
  await form.getByLabel('Rows a file, at most').fill('2000');
  await form.getByRole('button', { name: 'Save schedule' }).click();
  const schedule = page.getByRole('article', { name: 'Schedule Each day' });
  await expect(schedule).toContainText('daily at 06:00 Europe/Berlin, yesterday, gzip, files of 2,000 rows');

  // As the console has answered.
  await schedule.getByRole('button', { name: /^Change/ }).click();
  form = page.getByRole('dialog', { name: 'Change schedule' });
  await expect(form.getByRole('switch', { name: /^Mark as UTF-8/ })).toBeChecked();
  await expect(form.getByRole('switch', { name: /^Guard against formulas/ })).not.toBeChecked();
  await expect(form.getByLabel('Rows a file, at most')).toHaveValue('2,000');
  await form.getByLabel('Range').selectOption('last 7 days');
  await form.getByLabel('Files').selectOption('For a spreadsheet');
  await form.getByRole('button', { name: 'Save schedule' }).click();
  await expect(schedule).toContainText('last 7 days, gzip, files of 1,048,575 rows');

  await schedule.getByRole('button', { name: /^Change/ }).click();
  await expect(form.getByRole('switch', { name: /^Mark as UTF-8/ })).toBeChecked();
  await expect(form.getByLabel('Files')).toHaveValue('spreadsheet');
  await page.keyboard.press('Escape');
  await schedule.getByRole('button', { name: /^Delete/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(schedule).toBeHidden();
});

test('a webhook is made, its secret is seen once, and it is deleted', async ({ page }) => {
  await signIn(page);
  await page.getByRole('link', { name: 'Webhooks' }).click();
  await page.getByRole('button', { name: 'New Webhook' }).click();
  const form = page.getByRole('dialog', { name: 'New Webhook' });
  await form.getByLabel('Name').fill('Build');
  await form.getByLabel('Address').fill('http://build.invalid/hook');
  await form.getByRole('button', { name: 'Save webhook' }).click();
  await expect(form.getByLabel('Address')).toHaveAttribute('aria-invalid', 'true');
  // A name that is nowhere.
  await form.getByLabel('Address').fill('https://build.invalid/hook');
  await form.getByRole('button', { name: 'Save webhook' }).click();
  await expect(page.getByLabel('Secret', { exact: true })).toHaveValue(/^whsec_/);
  await page.getByRole('button', { name: 'I have kept it' }).click();
  const webhook = page.getByRole('article', { name: 'Webhook Build' });
  await webhook.getByRole('button', { name: /^Deliveries/ }).click();
  await expect(page.getByText('It was told nothing yet.')).toBeVisible();
  await page.keyboard.press('Escape');
  await page.screenshot({ path: 'test-results/live/webhooks.png' });
  await webhook.getByRole('button', { name: /^Delete/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(webhook).toBeHidden();
});

for (const kind of ['Users', 'Resources']) {
  test(`${kind}: recent connections and the details of one`, async ({ page }) => {
    await signIn(page);
    await page.getByRole('link', { name: kind }).click();
    await expect(page.getByRole('heading', { name: kind })).toBeVisible();
    const first = page.locator('main').getByRole('link').first();
    const name = (await first.innerText()).split('\n')[0] ?? '';
    await first.click();
    await expect(page.getByRole('heading', { level: 1 })).toContainText(name.trim());
    const rows = page.getByRole('button', { name: /^2026-/ });
    await expect(rows.first()).toBeVisible();
    const times = (await rows.allInnerTexts()).map((text) => text.slice(0, 19));
    expect(times).toEqual([...times].sort().reverse());
    await page.screenshot({ path: `test-results/live/${kind}.png` });
    await rows.first().click();
    const details = page.getByRole('dialog', { name: 'Connection details' });
    for (const label of ['Protocol', 'Connection type', 'Duration', 'Client IP address', 'Connector', 'Device', 'Bytes received']) {
      await expect(details.getByText(label, { exact: true })).toBeVisible();
    }
    await page.screenshot({ path: `test-results/live/${kind}-details.png` });
  });
}
