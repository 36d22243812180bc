/// A form: what was entered, and how it is sent. What is wrong stands at its field, or above the buttons where it belongs to none.
import { type FormEvent, useCallback, useState } from 'react';
import { messageOf, Refused, SessionEnded } from '../api/errors';
import { useSession } from '../app/session';

export type Errors<K extends string> = Partial<Record<K, string>>;

export interface Sending<K extends string> {
  errors: Errors<K>;
  /** What is wrong, where it belongs to no field. */
  failure: string | null;
  busy: boolean;
  /** Sends by `act` where nothing was found to be wrong. */
  submit: (event: FormEvent, found: Errors<K>, act: () => Promise<void>) => Promise<void>;
}

export interface FormState<F, K extends string> {
  form: F;
  /** Something was entered: what was wrong may be right. */
  change: (part: Partial<F>) => void;
  errors: Errors<K>;
  sending: Sending<K>;
}

const merged = <F>(form: F, part: Partial<F>): F => ({ ...form, ...part });

/** `fields`: the names that the form shares with the server. `next`: what the form is once a part of it was entered. */
export function useForm<F, K extends string>(
  initial: () => F,
  fields: readonly K[],
  next: (form: F, part: Partial<F>) => F = merged,
): FormState<F, K> {
  const { ended } = useSession();
  const [form, setForm] = useState(initial);
  const [errors, setErrors] = useState<Errors<K>>({});
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const change = useCallback(
    (part: Partial<F>) => {
      setForm((current) => next(current, part));
      setErrors({});
      setFailure(null);
    },
    [next],
  );

  const submit = async (event: FormEvent, found: Errors<K>, act: () => Promise<void>) => {
    event.preventDefault();
    setErrors(found);
    setFailure(null);
    if (Object.keys(found).length > 0) return;
    setBusy(true);
    try {
      await act();
    } catch (error) {
      if (error instanceof SessionEnded) return ended(error.message);
      // A part of a value that has no field of its own stands at the value's.
      const said = error instanceof Refused ? error.field : undefined;
      const field = fields.find((name) => name === said) ?? fields.find((name) => name === said?.split('.')[0]);
      if (field) setErrors({ [field]: messageOf(error) } as Errors<K>);
      else setFailure(messageOf(error));
    } finally {
      setBusy(false);
    }
  };
  return { form, change, errors, sending: { errors, failure, busy, submit } };
}
