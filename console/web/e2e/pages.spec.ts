/// Every page in light and dark, narrow and wide: it fits its width, has no accessibility violation that axe knows,
/// and a screenshot of its whole length is left in test-results/mocked.
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page, test } from '@playwright/test';
import type { Estimate } from '../src/api/types';
import { anEstimate } from '../src/testing/builders';
import { mockApi } from './mockedApi';

interface View {
  name: string;
  path: string;
  signedOut?: boolean;
  empty?: boolean;
  estimate?: Estimate;
  /** From the loaded page to what is to be seen. */
  reach: (page: Page) => Promise<void>;
}

const heading = (name: string) => async (page: Page) => {
  await expect(page.getByRole('heading', { name })).toBeVisible();
};

const VIEWS: View[] = [
  { name: 'sign-in', path: '/', signedOut: true, reach: heading('Sign in') },
  {
    name: 'analytics',
    path: '/settings/analytics',
    reach: async (page) => {
      await expect(page.getByRole('list', { name: 'Reports' }).getByRole('listitem')).toHaveCount(7);
      await expect(page.getByRole('list', { name: 'Bucket syncs' }).getByRole('article')).toHaveCount(3);
    },
  },
  {
    name: 'analytics-empty',
    path: '/settings/analytics',
    empty: true,
    reach: async (page) => {
      await expect(page.getByText('No reports yet')).toBeVisible();
    },
  },
  {
    name: 'new-report',
    path: '/settings/analytics',
    reach: async (page) => {
      await page.getByRole('button', { name: 'New Report' }).click();
      await expect(page.getByRole('dialog', { name: 'New Report' })).toBeVisible();
      await page.getByRole('textbox', { name: 'Remote Networks' }).click();
      await page.getByRole('option', { name: 'Büro Köln' }).click();
      await page.getByRole('option', { name: 'a-very-long' }).click();
      await page.getByLabel('Compression').focus();
      await expect(page.getByRole('option').first()).toBeHidden();
    },
  },
  {
    name: 'button-under-the-pointer',
    path: '/settings/analytics',
    reach: (page) => page.getByRole('button', { name: 'New Report' }).hover(),
  },
  {
    name: 'new-report-split',
    path: '/settings/analytics',
    reach: async (page) => {
      await page.getByRole('button', { name: 'New Report' }).click();
      const form = page.getByRole('dialog', { name: 'New Report' });
      await form.getByLabel('Files').selectOption('By size');
      await form.getByLabel('Rows a file, at most').fill('10');
      await form.getByRole('button', { name: 'Request report' }).click();
      await expect(form.getByText('Enter 1,000 rows or more.')).toBeVisible();
    },
  },
  {
    name: 'new-report-filters',
    path: '/settings/analytics',
    reach: async (page) => {
      await page.getByRole('button', { name: 'New Report' }).click();
      const form = page.getByRole('dialog', { name: 'New Report' });
      await form.getByRole('button', { name: 'More filters' }).click();
      await form.getByRole('textbox', { name: 'Users' }).fill('j');
      await page.getByRole('option', { name: 'jane@corp.example' }).click();
      await form.getByRole('textbox', { name: 'Resources' }).click();
      await page.getByRole('option', { name: '*.corp.example' }).click();
      for (const [field, text] of [
        ['Applied rules', '*.a-very-long-rule-that-somebody-typed-in-one-go.a-department.of.the.corp.example'],
        ['Devices', 'laptop'],
        ['Ports', '443 8000-8999'],
        ['Addresses', '10.0.0.0/8, 2001:db8:85a3:8d3:1319:8a2e:370:7348'],
        ['Receivers', 'ops@acme.example security-operations-center@a-subsidiary.of.the.corp.example'],
      ] as const) {
        await form.getByRole('textbox', { name: field }).fill(text);
        await page.keyboard.press('Enter');
      }
      await form.getByRole('textbox', { name: 'Statuses' }).click();
      await page.getByRole('option', { name: 'Access denied' }).click();
      await page.keyboard.press('Tab');
      await form.getByRole('button', { name: 'Request report' }).click();
      await expect(form.getByText('Enter ids, which are whole numbers.')).toBeVisible();
      await expect(page.getByRole('option', { name: 'Access denied' })).toBeHidden();
      await form.getByRole('textbox', { name: 'Devices' }).scrollIntoViewIfNeeded();
    },
  },
  {
    name: 'new-report-estimate',
    path: '/settings/analytics',
    reach: async (page) => {
      await page.getByRole('button', { name: 'New Report' }).click();
      const estimate = page.getByRole('dialog', { name: 'New Report' }).getByRole('status', { name: 'Estimate' });
      await expect(estimate).toContainText('About 1,235,000 connections, some 306 MB.');
      await estimate.scrollIntoViewIfNeeded();
    },
  },
  {
    name: 'new-report-in-utc',
    path: '/settings/analytics',
    estimate: anEstimate({
      from: '2026-10-25T00:30:00Z',
      to: '2026-10-25T01:15:00Z',
      from_note: 'occurs twice, as clocks go back; the earlier one is meant',
      to_note: 'occurs twice, as clocks go back; the later one is meant',
      keep_days: 30,
    }),
    reach: async (page) => {
      await page.getByRole('button', { name: 'New Report' }).click();
      const form = page.getByRole('dialog', { name: 'New Report' });
      await form.getByLabel('From').fill('2026-10-25T02:30');
      await form.getByLabel('To', { exact: true }).fill('2026-10-25T02:15');
      const range = form.getByRole('status', { name: 'In UTC' });
      await expect(range).toContainText('In UTC: 2026-10-25 00:30 – 2026-10-25 01:15 UTC');
      await expect(range).toContainText('the later one is meant.');
      await expect(form.getByText('Files are kept for 30 days once it is completed.')).toBeAttached();
    },
  },
  {
    name: 'new-report-refused',
    path: '/settings/analytics',
    estimate: anEstimate({
      over_limit: {
        limit: 'limits.rows_a_day',
        message: 'it has 10000000001 rows, and reports may have 10000000000 a day; choose a shorter range',
        again_at: null,
      },
    }),
    reach: async (page) => {
      await page.getByRole('button', { name: 'New Report' }).click();
      const estimate = page.getByRole('dialog', { name: 'New Report' }).getByRole('status', { name: 'Estimate' });
      await expect(estimate).toContainText('It would be refused: it has 10000000001 rows');
      await estimate.scrollIntoViewIfNeeded();
    },
  },
  {
    name: 'manifest',
    path: '/settings/analytics',
    reach: async (page) => {
      await page.getByRole('button', { name: /^Manifest/ }).last().click();
      await expect(page.getByRole('dialog', { name: 'Manifest' }).getByText('part-00002.parquet')).toBeVisible();
    },
  },
  {
    name: 'new-schedule',
    path: '/settings/analytics',
    reach: async (page) => {
      await page.getByRole('button', { name: 'New Schedule' }).click();
      await expect(page.getByRole('dialog', { name: 'New Schedule' }).getByLabel('Kind')).toBeVisible();
      const next = page.getByRole('dialog', { name: 'New Schedule' }).getByRole('status', { name: 'Next reports' });
      await expect(next).toContainText('2026-10-26 06:00: 2026-10-25 00:00 – 2026-10-26 00:00 Europe/Berlin');
    },
  },
  {
    name: 'next-reports',
    path: '/settings/analytics',
    reach: async (page) => {
      const next = page.getByRole('group', { name: 'Next reports of schedule Every week' });
      await next.getByText(/^Next:/).click();
      await expect(next.getByText('2026-10-26 06:00: 2026-10-25 00:00 – 2026-10-26 00:00 Europe/Berlin')).toBeVisible();
    },
  },
  {
    name: 'change-schedule',
    path: '/settings/analytics',
    reach: async (page) => {
      await page.getByRole('button', { name: /^Change: schedule Büro/ }).click();
      await expect(page.getByRole('dialog', { name: 'Change schedule' }).getByLabel('Megabytes a file, at most')).toBeVisible();
    },
  },
  {
    name: 'change-schedule-filters',
    path: '/settings/analytics',
    reach: async (page) => {
      await page.getByRole('button', { name: /^Change: schedule Büro/ }).click();
      const form = page.getByRole('dialog', { name: 'Change schedule' });
      await form.getByRole('button', { name: 'More filters, 3 set' }).click();
      await expect(form.getByText('jane@corp.example')).toBeVisible();
      await form.getByRole('textbox', { name: 'Addresses of the client' }).scrollIntoViewIfNeeded();
    },
  },
  {
    name: 'new-bucket-sync',
    path: '/settings/analytics',
    reach: async (page) => {
      await page.getByRole('button', { name: 'New Bucket Sync' }).click();
      const receivers = page.getByRole('dialog', { name: 'New Bucket Sync' }).getByRole('textbox', { name: 'Receivers' });
      await receivers.fill('ops@acme.example, security-operations-center@a-subsidiary.of.the.corp.example');
      await receivers.press('Enter');
    },
  },
  {
    name: 'backfill',
    path: '/settings/analytics',
    reach: async (page) => {
      await page.getByRole('button', { name: 'Backfill: bucket sync To our lake' }).click();
      await expect(page.getByRole('dialog', { name: 'Backfill' }).getByLabel('Time zone').first()).toBeVisible();
    },
  },
  {
    name: 'delete-bucket-sync',
    path: '/settings/analytics',
    reach: async (page) => {
      await page.getByRole('button', { name: /^Delete: bucket sync Büro/ }).click();
      await expect(page.getByRole('dialog', { name: 'Delete this bucket sync?' })).toBeVisible();
    },
  },
  {
    name: 'webhooks',
    path: '/settings/webhooks',
    reach: async (page) => {
      await expect(page.getByRole('list', { name: 'Webhooks' }).getByRole('article')).toHaveCount(2);
    },
  },
  {
    name: 'webhooks-empty',
    path: '/settings/webhooks',
    empty: true,
    reach: (page) => expect(page.getByText('No webhooks yet')).toBeVisible(),
  },
  {
    name: 'new-webhook',
    path: '/settings/webhooks',
    reach: async (page) => {
      await page.getByRole('button', { name: 'New Webhook' }).click();
      await expect(page.getByRole('dialog', { name: 'New Webhook' }).getByLabel('Address')).toBeVisible();
    },
  },
  {
    name: 'webhook-secret',
    path: '/settings/webhooks',
    reach: async (page) => {
      await page.getByRole('button', { name: 'Rotate secret: webhook Build' }).click();
      await page.getByRole('button', { name: 'Rotate secret', exact: true }).click();
      await expect(page.getByLabel('Secret', { exact: true })).toBeVisible();
      await expect(page.getByRole('dialog', { name: 'Make another secret?' })).toBeHidden();
    },
  },
  {
    name: 'webhook-deliveries',
    path: '/settings/webhooks',
    reach: async (page) => {
      await page.getByRole('button', { name: 'Deliveries: webhook Build' }).click();
      await expect(page.getByRole('dialog', { name: 'Deliveries' }).getByRole('article')).toHaveCount(3);
    },
  },
  { name: 'users', path: '/users', reach: (page) => expect(page.getByText('jane@corp.example')).toBeVisible() },
  { name: 'resources', path: '/resources', reach: (page) => expect(page.getByText('*.corp.example')).toBeVisible() },
  { name: 'user', path: '/users/890123', reach: heading('jane@corp.example') },
  { name: 'resource', path: '/resources/1234567', reach: heading('*.corp.example') },
  {
    name: 'connection-details',
    path: '/users/890123',
    reach: async (page) => {
      await page.getByRole('button', { name: /^2026-11-24 12:59:12/ }).nth(1).click();
      await expect(page.getByRole('dialog', { name: 'Connection details' }).getByText('relay-ams')).toBeVisible();
    },
  },
  { name: 'not-found', path: '/nowhere', reach: heading('Page not found') },
];

for (const scheme of ['light', 'dark'] as const) {
  for (const width of [390, 1280]) {
    test.describe(`${scheme}, ${width} px`, () => {
      // Nothing slides: a screenshot shows what is there.
      test.use({ colorScheme: scheme, viewport: { width, height: 900 }, contextOptions: { reducedMotion: 'reduce' } });
      for (const view of VIEWS) {
        test(view.name, async ({ page }, info) => {
          await mockApi(page, { signedIn: !view.signedOut, ...(view.estimate && { estimate: view.estimate }), ...(view.empty ? { reports: [], schedules: [], syncs: [], webhooks: [] } : {}) });
          await page.goto(view.path);
          await view.reach(page);
          const name = `${view.name}-${scheme}-${width}.png`;
          await page.screenshot({ path: info.outputPath(name), fullPage: true });

          const overflow = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          expect(overflow, 'the page does not scroll sideways').toBeLessThanOrEqual(0);

          const { violations } = await new AxeBuilder({ page }).analyze();
          expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
        });
      }
    });
  }
}

test('ordinary names are whole at every width between a phone and a desk', async ({ page }) => {
  await mockApi(page);
  for (const path of ['/users/890123', '/resources/1234567']) {
    await page.goto(path);
    for (const width of [390, 768, 993, 1024, 1199, 1200, 1280, 1920]) {
      await page.setViewportSize({ width, height: 900 });
      const ordinary = page.getByText(/^(aws-us-east-1|git\.corp\.example|jane@corp\.example)$/).locator('visible=true');
      await expect(ordinary.nth(1)).toBeVisible();
      const cut = await ordinary.evaluateAll((names) =>
        names.filter((name) => name.scrollWidth > name.clientWidth).map((name) => name.textContent),
      );
      expect(cut, `${path}, ${width} px`).toEqual([]);
    }
  }
});
