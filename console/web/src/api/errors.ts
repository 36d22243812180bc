/// What can go wrong with a request, grouped by what the page does next.

/** The session is over: sign in again. */
export class SessionEnded extends Error {
  constructor() {
    super('Your session has ended. Sign in again.');
  }
}

/** No answer, or none that the console gave: try again. */
export class ServerAway extends Error {
  constructor() {
    super('The server does not answer. Check the network and try again.');
  }
}

/** The console refused; `field` names the part of the form that is at fault. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field?: string,
  ) {
    super(message);
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'Something went wrong.';
}
