/// Sends a form: what is wrong stands at its field, or above the buttons where it belongs to none.
import { type FormEvent, useCallback, useState } from 'react';
import { messageOf, Refused, SessionEnded } from '../api/errors';
import { useSession } from '../app/session';

export type Errors<K extends string> = Partial<Record<K, string>>;

interface Submit<K extends string> {
  errors: Errors<K>;
  /** What is wrong, where it belongs to no field. */
  failure: string | null;
  busy: boolean;
  /** Something was entered: what was wrong may be right. */
  forget: () => void;
  /** Sends by `act` where nothing was found to be wrong. */
  submit: (event: FormEvent, found: Errors<K>, act: () => Promise<void>) => Promise<void>;
}

/** `fields`: the names that the form shares with the server. */
export function useSubmit<K extends string>(fields: readonly K[]): Submit<K> {
  const { ended } = useSession();
  const [errors, setErrors] = useState<Errors<K>>({});
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const forget = useCallback(() => {
    setErrors({});
    setFailure(null);
  }, []);

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
      const field = error instanceof Refused ? fields.find((name) => name === error.field?.split('.')[0]) : undefined;
      if (field) setErrors({ [field]: messageOf(error) } as Errors<K>);
      else setFailure(messageOf(error));
    } finally {
      setBusy(false);
    }
  };
  return { errors, failure, busy, forget, submit };
}
