/// Browser tests of the built pages against a mocked API.
import { defineConfig } from '@playwright/test';
import { launchOptions } from './browser';

const PORT = 4179;

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results/mocked',
  fullyParallel: true,
  workers: 2,
  // Nothing is timed: a busy machine is no failure.
  timeout: 180_000,
  expect: { timeout: 60_000 },
  reporter: [['list']],
  use: {
    baseURL: `http://127.0.0.1:${PORT}`,
    timezoneId: 'Europe/Berlin',
    locale: 'en-GB',
    launchOptions,
  },
  webServer: {
    command: `npm run preview -- --port ${PORT} --strictPort`,
    url: `http://127.0.0.1:${PORT}`,
    reuseExistingServer: false,
    timeout: 180_000,
  },
});
