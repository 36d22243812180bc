/// The frame around every page of a signed-in admin.
import {
  AppShell,
  Burger,
  Button,
  Divider,
  Group,
  NavLink,
  ScrollArea,
  Stack,
  Text,
} from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { type ReactNode, useState } from 'react';
import { messageOf } from '../api/errors';
import type { Session } from '../api/types';
import { Brand } from '../components/Brand';
import { ColorSchemeToggle } from '../components/ColorSchemeToggle';
import { Name } from '../components/Name';
import { Link } from './router';
import { ANALYTICS, pathOf, WEBHOOKS } from './routes';
import { useSession } from './session';

interface ShellProps {
  session: Session;
  path: string;
  children: ReactNode;
}

export function Shell({ session, path, children }: ShellProps) {
  const [opened, { toggle, close }] = useDisclosure();
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 230, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding={{ base: 'md', sm: 'xl' }}
    >
      <a className="skip-link" href="#main">
        Skip to content
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger
              opened={opened}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={opened ? 'Close navigation' : 'Open navigation'}
              aria-expanded={opened}
            />
            <Brand />
          </Group>
          <ColorSchemeToggle />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" aria-label="Main">
        <AppShell.Section grow component={ScrollArea}>
          <Destination href={pathOf('users')} label="Users" path={path} onClick={close} />
          <Destination href={pathOf('resources')} label="Resources" path={path} onClick={close} />
          <Text size="xs" fw={600} c="dimmed" px="sm" pt="md" pb={4}>
            Settings
          </Text>
          <Destination href={ANALYTICS} label="Analytics" path={path} onClick={close} />
          <Destination href={WEBHOOKS} label="Webhooks" path={path} onClick={close} />
        </AppShell.Section>
        <Divider my="sm" />
        <Account session={session} />
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} style={{ outline: 'none' }}>
        {children}
      </AppShell.Main>
    </AppShell>
  );
}

interface DestinationProps {
  href: string;
  label: string;
  path: string;
  onClick: () => void;
}

function Destination({ href, label, path, onClick }: DestinationProps) {
  const here = path === href || path.startsWith(`${href}/`);
  return (
    <NavLink
      component={Link}
      href={href}
      label={label}
      active={here}
      variant="light"
      aria-current={here ? 'page' : undefined}
      onClick={onClick}
      style={{ borderRadius: 'var(--mantine-radius-md)' }}
    />
  );
}

function Account({ session }: { session: Session }) {
  const { leave } = useSession();
  const [failure, setFailure] = useState<string | null>(null);
  const signOut = () => {
    setFailure(null);
    leave().catch((error: unknown) => setFailure(messageOf(error)));
  };
  return (
    <Stack gap={6} px="sm" pb={4}>
      <Text size="sm" fw={600} component="div">
        <Name value={session.account} />
      </Text>
      <Text size="xs" c="dimmed" component="div">
        Tenant <Name value={session.tenant} />
      </Text>
      <Button variant="default" size="xs" mt={4} onClick={signOut}>
        Sign out
      </Button>
      {failure && (
        <Text size="xs" c="var(--mantine-color-error)" role="alert">
          {failure}
        </Text>
      )}
    </Stack>
  );
}
