/// The whole: theme, session, and the page that the address names.
import { Center, Loader, MantineProvider } from '@mantine/core';
import { useEffect } from 'react';
import { Failure } from '../components/Failure';
import { AnalyticsPage } from '../pages/analytics/AnalyticsPage';
import { ConnectionsPage } from '../pages/connections/ConnectionsPage';
import { FindPage } from '../pages/connections/FindPage';
import { SignInPage } from '../pages/SignInPage';
import { UnknownPage } from '../pages/UnknownPage';
import { WebhooksPage } from '../pages/webhooks/WebhooksPage';
import { go, usePath } from './router';
import { ANALYTICS, type Route, routeOf } from './routes';
import { SessionProvider, useSession } from './session';
import { Shell } from './Shell';
import { cssVariables, theme } from './theme';

export function App() {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
      <SessionProvider>
        <Gate />
      </SessionProvider>
    </MantineProvider>
  );
}

function Gate() {
  const { state, refresh } = useSession();
  const path = usePath();
  switch (state.is) {
    case 'loading':
      return (
        <Center mih="100dvh">
          <Loader aria-label="Loading" role="status" />
        </Center>
      );
    case 'away':
      return (
        <Center component="main" mih="100dvh" p="md">
          <Failure error={state.error} onRetry={refresh} />
        </Center>
      );
    case 'signedOut':
      return <SignInPage notice={state.notice} />;
    case 'signedIn':
      return (
        <Shell session={state.session} path={path}>
          <Page route={routeOf(path)} />
        </Shell>
      );
  }
}

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case 'home':
      return <Home />;
    case 'analytics':
      return <AnalyticsPage />;
    case 'webhooks':
      return <WebhooksPage />;
    case 'find':
      return <FindPage key={route.subject} subject={route.subject} />;
    case 'connections':
      return <ConnectionsPage key={`${route.subject}/${route.id}`} subject={route.subject} id={route.id} />;
    case 'unknown':
      return <UnknownPage />;
  }
}

function Home() {
  useEffect(() => go(ANALYTICS, 'replace'), []);
  return null;
}
