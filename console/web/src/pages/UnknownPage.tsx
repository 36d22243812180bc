import { Anchor } from '@mantine/core';
import { Link } from '../app/router';
import { ANALYTICS } from '../app/routes';
import { Empty } from '../components/Empty';
import { PageTitle } from '../components/PageTitle';

/** Shown for addresses that lead nowhere. */
export function UnknownPage() {
  return (
    <>
      <PageTitle title="Page not found" tab="Page not found" />
      <Empty title="There is nothing at this address.">
        <Anchor component={Link} href={ANALYTICS} underline="always">
          Go to Analytics
        </Anchor>
      </Empty>
    </>
  );
}
