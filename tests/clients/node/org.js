// A simulated org for one test file: started as a process, stopped with it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import jsforce from 'jsforce';

/** Starts an org; `flags` are the simulator's. Answers its URL, credentials and `stop()`. */
export async function startOrg(...flags) {
  const program = process.env.SIMULATOR;
  if (!program) throw new Error('SIMULATOR must name the simulator program; see tests/clients/run');
  const child = spawn(program, ['--port', '0', '--json', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const ready = JSON.parse(line);
  return {
    ...ready,
    /** Steers the org through its control interface. */
    async control(method, route, body) {
      const answer = await fetch(`${ready.url}/__org/v1/${route}`, { method, body: body && JSON.stringify(body) });
      if (!answer.ok) throw new Error(`${method} ${route}: ${answer.status} ${await answer.text()}`);
      return answer.status === 204 ? undefined : answer.json();
    },
    /** A connection with an open session. */
    connect(options = {}) {
      return new jsforce.Connection({
        instanceUrl: ready.url, accessToken: ready.access_token, version: '62.0', ...options,
      });
    },
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

/** Runs `call` and answers the error it must end with. */
export async function refusal(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error('the call was expected to be refused');
}
