/// One User or one Resource: recent connections, newest first; a click on one shows its details.
import { Anchor, Button, Loader, Text } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useCallback, useState } from 'react';
import { recentConnections, type Subject } from '../../api/client';
import type { Connection } from '../../api/types';
import { Link } from '../../app/router';
import { pathOf } from '../../app/routes';
import { Empty } from '../../components/Empty';
import { Failure } from '../../components/Failure';
import { Name } from '../../components/Name';
import { PageTitle } from '../../components/PageTitle';
import { viewersZone } from '../../format/times';
import { useLoad } from '../../hooks/useLoad';
import { ConnectionCards } from './ConnectionCards';
import { ConnectionDetails } from './ConnectionDetails';
import { ConnectionTable } from './ConnectionTable';
import { nameOf, WORDS } from './subjects';

export function ConnectionsPage({ subject, id }: { subject: Subject; id: string }) {
  const words = WORDS[subject];
  const load = useCallback((signal: AbortSignal) => recentConnections(subject, id, signal), [subject, id]);
  const { loaded, retry } = useLoad(load);
  const [chosen, setChosen] = useState<Connection | null>(null);
  const narrow = useMediaQuery('(max-width: 75em)', false, { getInitialValueInEffect: false });
  const zone = viewersZone();
  const connections = loaded.is === 'loaded' ? loaded.value : [];
  const name = nameOf(subject, connections) ?? id;
  const List = narrow ? ConnectionCards : ConnectionTable;

  return (
    <>
      <Anchor component={Link} href={pathOf(subject)} size="sm" underline="always">
        All {words.many}
      </Anchor>
      <PageTitle
        title={<Name value={name} />}
        tab={words.one}
        about={`${words.one}, id ${id}. Recent connections, newest first; times in ${zone}.`}
        action={
          <Button variant="default" onClick={retry} disabled={loaded.is === 'loading'}>
            Refresh
          </Button>
        }
      />
      {loaded.is === 'loading' && <Loader aria-label="Loading connections" role="status" />}
      {loaded.is === 'failed' && <Failure error={loaded.error} onRetry={retry} />}
      {loaded.is === 'loaded' && connections.length === 0 && (
        <Empty title="No connections">Nothing is known of this {words.one}.</Empty>
      )}
      {connections.length > 0 && (
        <List subject={subject} connections={connections} zone={zone} onChoose={setChosen} />
      )}
      {connections.length > 0 && (
        <Text size="xs" c="dimmed" mt="sm">
          Choose a connection to see its details.
        </Text>
      )}
      <ConnectionDetails connection={chosen} zone={zone} onClose={() => setChosen(null)} />
    </>
  );
}
