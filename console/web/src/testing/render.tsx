/// Renders a part of a page as the app would. Without Mantine's transitions, which jsdom never ends.
import { MantineProvider } from '@mantine/core';
import { render } from '@testing-library/react';
import type { ReactNode } from 'react';
import { SessionProvider } from '../app/session';

export function show(part: ReactNode) {
  return render(
    <MantineProvider env="test">
      <SessionProvider>{part}</SessionProvider>
    </MantineProvider>,
  );
}
