/// Which connections beside Remote Networks: closed until somebody wants it, and it says how much is set.
import { AccordionChevron, Button, MultiSelect, SimpleGrid, Stack, TextInput } from '@mantine/core';
import { useEffect, useId, useState } from 'react';
import { TagsField } from '../../components/TagsField';
import { describeStatus } from '../../format/connections';
import { FILTER_FIELDS, type FilterErrors, type FilterForm, narrowedBy } from './filterForm';
import { SubjectField } from './SubjectField';

interface FilterFieldsProps {
  filter: FilterForm;
  errors: FilterErrors;
  onChange: (filter: FilterForm) => void;
}

export function FilterFields(props: FilterFieldsProps) {
  const [opened, setOpened] = useState(false);
  // Made when it is first wanted, and kept: what is known of names stays.
  const [wasOpened, setWasOpened] = useState(opened);
  if (opened && !wasOpened) setWasOpened(true);
  const id = useId();
  const isWrong = FILTER_FIELDS.some((field) => props.errors[field] !== undefined);
  // What is wrong has to be seen.
  useEffect(() => {
    if (isWrong) setOpened(true);
  }, [isWrong]);
  const set = narrowedBy(props.filter);

  return (
    <div>
      <Button
        variant="default"
        aria-expanded={opened}
        aria-controls={id}
        rightSection={<AccordionChevron size={14} style={opened ? { transform: 'rotate(180deg)' } : undefined} />}
        onClick={() => setOpened(!opened)}
      >
        {set === 0 ? 'More filters' : `More filters, ${set} set`}
      </Button>
      <div id={id} role="group" aria-label="Filters" hidden={!opened}>
        {wasOpened && <Fields {...props} />}
      </div>
    </div>
  );
}

/** Fields of one or two words of the contract, side by side where there is room. */
function Fields({ filter, errors, onChange }: FilterFieldsProps) {
  const change = (part: Partial<FilterForm>) => onChange({ ...filter, ...part });
  const of = <F extends keyof FilterForm>(field: F) => ({
    value: filter[field],
    error: errors[field],
    onChange: (value: FilterForm[F]) => onChange({ ...filter, [field]: value }),
  });
  return (
    <Stack mt="sm">
      <SubjectField
        subject="users"
        chosen={filter.users}
        error={errors.users}
        onChange={(users) => change({ users })}
      />
      <SubjectField
        subject="resources"
        chosen={filter.resources}
        error={errors.resources}
        onChange={(resources) => change({ resources })}
      />
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <TagsField label="Service accounts" description="Ids. With Users: either." none="All" {...of('service_accounts')} />
        <TagsField label="Applied rules" description="As they are, such as *.corp.example." none="All" whole {...of('applied_rules')} />
        <TagsField label="Connectors" description="Ids." none="All" {...of('connectors')} />
        <TagsField label="Devices" description="Ids." none="All" {...of('devices')} />
        <WordsField label="Protocols" words={PROTOCOLS} {...of('protocols')} />
        <WordsField label="Tunnel paths" words={TUNNEL_PATHS} {...of('tunnel_paths')} />
        <WordsField
          label="Statuses"
          description="None: all but denied attempts."
          words={STATUSES}
          {...of('statuses')}
        />
        <TagsField label="Ports" description="Such as 443 or 8000-8999." none="All" {...of('ports')} />
        <TagsField label="Countries" description="Of the client, as events have them." none="All" whole {...of('countries')} />
        <TextInput
          label="Domain"
          description="Part of what was asked for."
          placeholder="Any"
          value={filter.domain}
          error={errors.domain}
          maxLength={255}
          onChange={(event) => change({ domain: event.currentTarget.value })}
        />
      </SimpleGrid>
      <TagsField
        label="Addresses"
        description="Of the client or of the Resource, such as 192.0.2.4 or 10.0.0.0/8."
        none="All"
        {...of('addresses')}
      />
      <OwnAddresses filter={filter} errors={errors} onChange={onChange} />
    </Stack>
  );
}

/** Those of one side alone, which API and command line know: seen where they were set. */
function OwnAddresses({ filter, errors, onChange }: FilterFieldsProps) {
  const [sides] = useState(() => SIDES.filter(({ field }) => filter[field].length > 0));
  return sides.map(({ field, label }) => (
    <TagsField
      key={field}
      label={label}
      none="All"
      value={filter[field]}
      error={errors[field]}
      onChange={(addresses) => onChange({ ...filter, [field]: addresses })}
    />
  ));
}

const SIDES = [
  { field: 'client_addresses', label: 'Addresses of the client' },
  { field: 'resource_addresses', label: 'Addresses of the Resource' },
] as const;

interface Word {
  value: string;
  label: string;
}

const PROTOCOLS: Word[] = ['tcp', 'udp', 'icmp'].map((value) => ({ value, label: value.toUpperCase() }));

const STATUSES: Word[] = (['NORMAL', 'DNS_ERROR', 'CONNECTION_FAILED', 'ACCESS_DENIED'] as const).map((value) => ({
  value,
  label: describeStatus(value),
}));

const TUNNEL_PATHS: Word[] = [
  { value: 'direct', label: 'Direct' },
  { value: 'relay', label: 'Relay' },
];

interface WordsFieldProps {
  label: string;
  description?: string;
  words: Word[];
  value: string[];
  error: string | undefined;
  onChange: (words: string[]) => void;
}

/** Some of a few words that are known. */
function WordsField({ label, description, words, value, error, onChange }: WordsFieldProps) {
  return (
    <MultiSelect
      label={label}
      description={description}
      placeholder={value.length === 0 ? 'All' : undefined}
      data={words}
      value={value}
      error={error}
      onChange={onChange}
      searchable
      clearable
      hidePickedOptions
      nothingFoundMessage="No such word"
      clearButtonProps={{ 'aria-label': `${label}: all` }}
    />
  );
}
