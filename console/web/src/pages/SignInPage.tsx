/// Sign-in with the tenant's local account. Afterwards the page that was asked for is shown.
import { Alert, Box, Button, Center, Group, Paper, PasswordInput, Stack, TextInput, Title } from '@mantine/core';
import { type FormEvent, useEffect, useState } from 'react';
import { signIn } from '../api/client';
import { messageOf, Refused } from '../api/errors';
import { useSession } from '../app/session';
import { Brand } from '../components/Brand';
import { ColorSchemeToggle } from '../components/ColorSchemeToggle';

export function SignInPage({ notice }: { notice: string | null }) {
  const { signedIn } = useSession();
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    document.title = 'Sign in · Flowledger';
  }, []);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? '');
    setBusy(true);
    setFailure(null);
    try {
      signedIn(
        await signIn({ tenant: text('tenant').trim(), account: text('account').trim(), password: text('password') }),
      );
    } catch (error) {
      const wrong = error instanceof Refused && error.status === 401;
      setFailure(wrong ? 'Tenant, account or password is wrong.' : messageOf(error));
      setBusy(false);
    }
  };

  return (
    <Center component="main" mih="100dvh" p="md">
      <Box w="100%" maw={400}>
        <Group justify="space-between" mb="md">
          <Brand />
          <ColorSchemeToggle />
        </Group>
        <Paper withBorder p="xl" shadow="sm">
          <Title order={1} size="h3" mb="md">
            Sign in
          </Title>
          <form onSubmit={(event) => void submit(event)}>
            <Stack>
              {notice && !failure && (
                <Alert color="cyan" variant="outline" role="status">
                  {notice}
                </Alert>
              )}
              {failure && (
                <Alert color="red" variant="outline" role="alert">
                  {failure}
                </Alert>
              )}
              <TextInput
                label="Tenant"
                name="tenant"
                required
                withAsterisk={false}
                autoComplete="organization"
                autoCapitalize="none"
              />
              <TextInput
                label="Account"
                name="account"
                required
                withAsterisk={false}
                autoComplete="username"
                autoCapitalize="none"
              />
              <PasswordInput
                label="Password"
                name="password"
                required
                withAsterisk={false}
                autoComplete="current-password"
              />
              <Button type="submit" loading={busy} fullWidth>
                Sign in
              </Button>
            </Stack>
          </form>
        </Paper>
      </Box>
    </Center>
  );
}
