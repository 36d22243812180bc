/// Which connections something is of: Remote Networks by name, then each other field that narrows them.
import { Fragment } from 'react';
import type { Narrowing } from '../../api/types';
import { Name } from '../../components/Name';
import { describeFilter } from '../../format/filters';

interface WhichProps {
  filter: Partial<Narrowing> & { remote_networks: readonly string[] };
  /** Names for the Remote Networks' ids; an id without one is shown itself. */
  names: ReadonlyMap<string, string>;
}

export function Which({ filter, names }: WhichProps) {
  const ids = filter.remote_networks;
  return (
    <>
      {ids.length === 0 ? 'All Remote Networks' : <Names names={ids.map((id) => names.get(id) || id)} />}
      {describeFilter(filter).map(({ field, values }) => (
        <Fragment key={field}>
          , {field} <Names names={values} />
        </Fragment>
      ))}
    </>
  );
}

const NAMES_SHOWN = 3;

function Names({ names }: { names: readonly string[] }) {
  const shown = names.slice(0, NAMES_SHOWN);
  return (
    <>
      {shown.map((name, index) => (
        <span key={index}>
          {index > 0 && ', '}
          <Name value={name} inline />
        </span>
      ))}
      {names.length > shown.length && ` and ${names.length - shown.length} more`}
    </>
  );
}
