/// Users or Resources, found as somebody types, and shown by their names.
import { Button, Group, MultiSelect, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useCallback, useEffect, useState } from 'react';
import { findSubjects, type Subject } from '../../api/client';
import type { Named } from '../../api/types';
import { Name } from '../../components/Name';
import { visibleText } from '../../format/names';
import { useLoad } from '../../hooks/useLoad';
import { WORDS } from '../connections/subjects';

const TYPING_PAUSE_MS = 250;
const FOUND_MAX = 20;
/** As many as the server gives: among them those that were chosen before. */
const NAMES_MAX = 1_000;
const NOBODY: Named[] = [];

interface SubjectFieldProps {
  subject: Subject;
  /** Ids; empty means all. */
  chosen: string[];
  error: string | undefined;
  onChange: (ids: string[]) => void;
}

export function SubjectField({ subject, chosen, error, onChange }: SubjectFieldProps) {
  const { one, many } = WORDS[subject];
  const [typed, setTyped] = useState('');
  const [search] = useDebouncedValue(typed.trim(), TYPING_PAUSE_MS);
  // Nothing is asked for where nobody looks: of those chosen before only the ids are known.
  const [hadChosen] = useState(chosen.length > 0);
  const [isLookedAt, setLookedAt] = useState(hadChosen);
  const limit = hadChosen && search === '' ? NAMES_MAX : FOUND_MAX;
  const load = useCallback(
    (signal: AbortSignal) => (isLookedAt ? findSubjects(subject, search, signal, limit) : Promise.resolve(NOBODY)),
    [isLookedAt, subject, search, limit],
  );
  const { loaded, retry } = useLoad(load);
  const [names, setNames] = useState<ReadonlyMap<string, string>>(new Map());
  // What was found stays until more is: an option must not go from under the pointer while the next search is on its way.
  const [found, setFound] = useState<string[]>([]);
  useEffect(() => {
    if (loaded.is === 'failed') setFound([]);
    if (loaded.is !== 'loaded') return;
    setFound(loaded.value.map(({ id }) => id));
    setNames((known) => new Map([...known, ...loaded.value.map(({ id, name }) => [id, name] as const)]));
  }, [loaded]);

  const shown = [...new Set([...chosen, ...found])];
  return (
    <div>
      <MultiSelect
        label={many}
        placeholder={chosen.length === 0 ? 'All' : undefined}
        data={shown.map((id) => ({ value: id, label: visibleText(names.get(id) || id) }))}
        value={chosen}
        error={error}
        onChange={onChange}
        onDropdownOpen={() => setLookedAt(true)}
        searchValue={typed}
        onSearchChange={setTyped}
        // The server has searched.
        filter={({ options }) => options}
        renderOption={({ option }) => <Name value={option.label} />}
        searchable
        clearable
        hidePickedOptions
        maxDropdownHeight={220}
        nothingFoundMessage={loaded.is === 'loading' ? 'Searching…' : `No ${one} matches`}
        clearButtonProps={{ 'aria-label': `All ${many}` }}
      />
      {loaded.is === 'failed' && (
        <Group gap="xs" mt={4}>
          <Text size="xs" c="var(--mantine-color-error)" role="alert">
            The {many} could not be searched.
          </Text>
          <Button size="compact-xs" variant="default" onClick={retry}>
            Try again
          </Button>
        </Group>
      )}
    </div>
  );
}
