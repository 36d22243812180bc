import { Group, Text } from '@mantine/core';

/** The name of the console, with its mark. */
export function Brand() {
  return (
    <Group gap={10} wrap="nowrap">
      <img src="/favicon.svg" alt="" width={26} height={26} />
      <Text fw={700} size="lg" component="span">
        Flowledger
      </Text>
    </Group>
  );
}
