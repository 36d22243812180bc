/// The pages in a browser against a console that runs, for the journeys of `tests/`. The environment says where and who:
/// FLOWLEDGER_CONSOLE_URL, FLOWLEDGER_TENANT, FLOWLEDGER_ACCOUNT, FLOWLEDGER_PASSWORD.
import { defineConfig } from '@playwright/test';
import { launchOptions } from './browser';

export default defineConfig({
  testDir: 'e2e-live',
  outputDir: 'test-results/live',
  workers: 1,
  timeout: 120_000,
  globalTimeout: 300_000,
  expect: { timeout: 60_000 },
  reporter: [['list']],
  use: {
    baseURL: process.env.FLOWLEDGER_CONSOLE_URL,
    timezoneId: 'Europe/Berlin',
    locale: 'en-GB',
    // Nothing slides: a screenshot shows what is there.
    contextOptions: { reducedMotion: 'reduce' },
    launchOptions,
  },
});
