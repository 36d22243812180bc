import { Button, Group, MultiSelect, Text } from '@mantine/core';
import type { Named } from '../../api/types';
import { Name } from '../../components/Name';
import { visibleText } from '../../format/names';
import type { Loaded } from '../../hooks/useLoad';

/** Names by ids, as far as they are known. */
export function namesOf(networks: Loaded<Named[]>): ReadonlyMap<string, string> {
  return new Map(networks.is === 'loaded' ? networks.value.map(({ id, name }) => [id, name]) : []);
}

interface RemoteNetworksFieldProps {
  networks: Loaded<Named[]>;
  /** Ids; empty means all. */
  chosen: string[];
  error: string | undefined;
  onChange: (ids: string[]) => void;
  onRetry: () => void;
}

/** Which Remote Networks: all, unless some are chosen. */
export function RemoteNetworksField({ networks, chosen, error, onChange, onRetry }: RemoteNetworksFieldProps) {
  const known = networks.is === 'loaded' ? networks.value : [];
  return (
    <div>
      <MultiSelect
        label="Remote Networks"
        placeholder={chosen.length === 0 ? 'All' : undefined}
        data={known.map(({ id, name }) => ({ value: id, label: visibleText(name || id) }))}
        value={chosen}
        error={error}
        onChange={onChange}
        renderOption={({ option }) => <Name value={option.label} />}
        disabled={networks.is === 'loading'}
        searchable
        clearable
        hidePickedOptions
        limit={200}
        maxDropdownHeight={220}
        nothingFoundMessage="No such Remote Network"
        clearButtonProps={{ 'aria-label': 'All Remote Networks' }}
      />
      {networks.is === 'failed' && (
        <Group gap="xs" mt={4}>
          <Text size="xs" c="var(--mantine-color-error)" role="alert">
            The Remote Networks could not be loaded.
          </Text>
          <Button size="compact-xs" variant="default" onClick={onRetry}>
            Try again
          </Button>
        </Group>
      )}
    </div>
  );
}
