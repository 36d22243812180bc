/// Users or Resources to pick from.
import { Loader, NavLink, Paper, Stack, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useCallback, useState } from 'react';
import { findSubjects, type Subject } from '../../api/client';
import type { Named } from '../../api/types';
import { Link } from '../../app/router';
import { pathOf } from '../../app/routes';
import { Empty } from '../../components/Empty';
import { Failure } from '../../components/Failure';
import { Name } from '../../components/Name';
import { PageTitle } from '../../components/PageTitle';
import { useLoad } from '../../hooks/useLoad';
import { WORDS } from './subjects';

const TYPING_PAUSE_MS = 250;

export function FindPage({ subject }: { subject: Subject }) {
  const words = WORDS[subject];
  const [typed, setTyped] = useState('');
  const [search] = useDebouncedValue(typed.trim(), TYPING_PAUSE_MS);
  const load = useCallback((signal: AbortSignal) => findSubjects(subject, search, signal), [subject, search]);
  const { loaded, retry } = useLoad(load);

  return (
    <>
      <PageTitle title={words.many} tab={words.many} about={words.about} />
      <Stack maw={640}>
        <TextInput
          type="search"
          label={words.search}
          value={typed}
          maxLength={200}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        {loaded.is === 'loading' && <Loader size="sm" aria-label={`Loading ${words.many}`} role="status" />}
        {loaded.is === 'failed' && <Failure error={loaded.error} onRetry={retry} />}
        {loaded.is === 'loaded' && loaded.value.length === 0 && (
          <Empty title={search ? `No ${words.one} matches` : `No ${words.many} yet`}>
            {search ? 'Try fewer letters.' : 'They appear here with their first connection.'}
          </Empty>
        )}
        {loaded.is === 'loaded' && loaded.value.length > 0 && (
          <Found subject={subject} found={loaded.value} />
        )}
      </Stack>
    </>
  );
}

function Found({ subject, found }: { subject: Subject; found: readonly Named[] }) {
  return (
    <Paper
      component="ul"
      withBorder
      m={0}
      p={4}
      aria-label={WORDS[subject].many}
      style={{ listStyle: 'none', overflow: 'hidden' }}
    >
      {found.map(({ id, name }) => (
        <li key={id}>
          <NavLink
            component={Link}
            href={pathOf(subject, id)}
            label={<Name value={name || id} short />}
            description={`Id ${id}`}
          />
        </li>
      ))}
    </Paper>
  );
}
