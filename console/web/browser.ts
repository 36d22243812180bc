/// How every browser test starts Chromium: the system's own, which calls nobody. Set CHROMIUM to use another binary.
export const launchOptions = {
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: [
    // Tests may run as root, where Chromium has no sandbox.
    '--no-sandbox',
    '--disable-dev-shm-usage',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
  ],
};
