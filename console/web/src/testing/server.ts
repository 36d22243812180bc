/// A stand-in for the console's API: answers by method and path, and remembers what was asked.
import { vi } from 'vitest';

export interface Asked {
  method: string;
  path: string;
  headers: Headers;
  body: unknown;
}

export interface Answer {
  status?: number;
  body?: unknown;
}

/** Paths as after /api/v1, with the query where an answer is for it alone. A path that is not named answers 404; `'away'` is no answer. */
export function serve(answers: Record<string, Answer | 'away'>): Asked[] {
  const asked: Asked[] = [];
  vi.stubGlobal('fetch', (input: string, init: RequestInit = {}) => {
    const method = init.method ?? 'GET';
    const whole = input.replace('/api/v1', '');
    const path = whole.split('?')[0] ?? '';
    const body = typeof init.body === 'string' ? (JSON.parse(init.body) as unknown) : undefined;
    asked.push({ method, path, headers: new Headers(init.headers), body });
    const answer = answers[`${method} ${whole}`] ?? answers[`${method} ${path}`] ?? { status: 404, body: {} };
    if (answer === 'away') return Promise.reject(new TypeError('Failed to fetch'));
    const { status = 200, body: sent } = answer;
    return Promise.resolve(new Response(sent === undefined ? null : JSON.stringify(sent), { status }));
  });
  return asked;
}
