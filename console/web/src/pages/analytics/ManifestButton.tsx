/// What the files of a completed report are: rows, sizes, SHA-256, each file on its own, and the manifest itself.
import { Anchor, Button, Group, Loader, Modal, Stack, Text } from '@mantine/core';
import { useDisclosure, useMediaQuery } from '@mantine/hooks';
import { useCallback } from 'react';
import { downloadAddress, manifestAddress, manifestOf } from '../../api/client';
import { Refused } from '../../api/errors';
import type { Manifest, ManifestFile, ManifestTotals, Report } from '../../api/types';
import { Failure } from '../../components/Failure';
import { Name } from '../../components/Name';
import { formatBytes, formatCount } from '../../format/bytes';
import { useLoad } from '../../hooks/useLoad';

interface ManifestProps {
  report: Report;
  /** As the report is called on the page. */
  range: string;
}

export function ManifestButton({ report, range }: ManifestProps) {
  const [opened, { open, close }] = useDisclosure();
  const narrow = useMediaQuery('(max-width: 36em)') ?? false;
  return (
    <>
      <Button size="compact-sm" variant="default" onClick={open} aria-label={`Manifest: report ${range}`}>
        Manifest
      </Button>
      <Modal
        opened={opened}
        onClose={close}
        title="Manifest"
        size="lg"
        fullScreen={narrow}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <Shown report={report} range={range} />
      </Modal>
    </>
  );
}

function Shown({ report, range }: ManifestProps) {
  const { id } = report;
  const load = useCallback((signal: AbortSignal) => manifestOf(id, signal), [id]);
  const { loaded, retry } = useLoad(load);
  switch (loaded.is) {
    case 'loading':
      return <Loader aria-label="Loading the manifest" role="status" />;
    case 'failed':
      // Reports of an older version have none.
      if (loaded.error instanceof Refused && loaded.error.status === 404) {
        return <Text size="sm">This report has no manifest.</Text>;
      }
      return <Failure error={loaded.error} onRetry={retry} />;
    case 'loaded':
      return <Facts report={report} range={range} manifest={loaded.value} />;
  }
}

function Facts({ report, range, manifest: { rows, files, totals } }: ManifestProps & { manifest: Manifest }) {
  const bytes = files.reduce((sum, file) => sum + file.size_bytes, 0);
  return (
    <Stack>
      <dl className="details">
        <dt>Range</dt>
        <dd>{range}</dd>
        <dt>Rows</dt>
        <dd>{formatCount(rows)}</dd>
        <dt>Files</dt>
        <dd>
          {formatCount(files.length)}, {formatBytes(bytes)}
        </dd>
        {totals && (
          <>
            <dt>Totals</dt>
            <dd>{describeTotals(totals)}</dd>
          </>
        )}
      </dl>
      <Stack component="ol" gap="sm" m={0} p={0} aria-label="Files" style={{ listStyle: 'none' }}>
        {files.map((file, number) => (
          <File key={file.name} file={file} address={downloadAddress(report.id, files.length > 1 ? number : undefined)} />
        ))}
      </Stack>
      <Text size="sm" c="dimmed">
        With the manifest beside the {files.length > 1 ? 'files' : 'file'}, <code>flowledger report verify</code> says whether
        anything is missing or changed.
      </Text>
      <Group justify="flex-end">
        <Button component="a" variant="light" href={manifestAddress(report.id)} download={`${report.file_name ?? ''}.manifest.json`}>
          Download the manifest
        </Button>
      </Group>
    </Stack>
  );
}

function describeTotals({ source, reason, agree }: ManifestTotals): string {
  if (source === 'none') {
    return `Not held against the roll-ups: ${reason ?? 'nobody knows why'}`;
  }
  return agree ? 'As the roll-ups say' : 'As the rows say; the roll-ups were behind';
}

function File({ file, address }: { file: ManifestFile; address: string }) {
  return (
    <Stack component="li" gap={2}>
      <Group justify="space-between" gap="xs" wrap="nowrap">
        <Text size="sm" component="div" style={{ minWidth: 0 }}>
          <Name value={file.name} />, {formatBytes(file.size_bytes)}
        </Text>
        <Anchor size="sm" href={address} download="" aria-label={`Download ${file.name}`}>
          Download
        </Anchor>
      </Group>
      <Text size="xs" c="dimmed">
        SHA-256 <code style={{ overflowWrap: 'anywhere' }}>{file.sha256}</code>
      </Text>
    </Stack>
  );
}
