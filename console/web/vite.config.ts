/// The build of the console's pages. The console binary serves `dist` and the API from one origin.
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [react()],
  build: {
    // No data: addresses, so that the page works under a strict content security policy.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': 'http://127.0.0.1:8080' },
  },
  // The browser tests mock the API: nothing may reach a console that happens to run.
  preview: { host: '127.0.0.1', proxy: {} },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/testing/setup.ts'],
    restoreMocks: true,
    // Nothing is timed: a busy machine is no failure.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Times in the viewer's zone are part of what is tested: the machine's zone must not matter.
    env: { TZ: 'UTC' },
  },
});
