/// Colours with enough contrast in both schemes, and the browser's own fonts.
import { createTheme, Drawer, DrawerHeader, Modal, ModalHeader, type CSSVariablesResolver } from '@mantine/core';

const DIALOG = {
  styles: { title: { fontWeight: 650, fontSize: 'var(--mantine-font-size-lg)' } },
};

export const theme = createTheme({
  primaryColor: 'cyan',
  primaryShade: 9,
  autoContrast: true,
  defaultRadius: 'md',
  respectReducedMotion: true,
  components: {
    Modal: Modal.extend({ defaultProps: DIALOG }),
    Drawer: Drawer.extend({ defaultProps: DIALOG }),
    // A dialog's header is no banner of the page.
    ModalHeader: ModalHeader.extend({ defaultProps: { role: 'presentation' } }),
    DrawerHeader: DrawerHeader.extend({ defaultProps: { role: 'presentation' } }),
  },
  headings: { fontWeight: '650' },
});

// A filled button under the pointer: from its last shade Mantine goes to a lighter one, on which white is 4.3 to 1.
const FILLED_HOVER = 'color-mix(in srgb, var(--mantine-color-cyan-9), black 15%)';

/** Mantine's dimmed text and its errors are below 4.5 to 1 on its own backgrounds. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {
    '--mantine-color-cyan-filled-hover': FILLED_HOVER,
    '--mantine-primary-color-filled-hover': FILLED_HOVER,
  },
  light: {
    '--mantine-color-dimmed': 'var(--mantine-color-gray-7)',
    '--mantine-color-placeholder': 'var(--mantine-color-gray-7)',
    '--mantine-color-error': 'var(--mantine-color-red-9)',
  },
  dark: {
    '--mantine-color-dimmed': 'var(--mantine-color-dark-1)',
    '--mantine-color-placeholder': 'var(--mantine-color-dark-2)',
    '--mantine-color-error': 'var(--mantine-color-red-4)',
  },
});
