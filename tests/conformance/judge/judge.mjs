// A central system of another author's making: ocpp-rpc in strict mode checks every frame in both directions.
//
// Prints what happens as JSON lines, the port first. Takes JSON lines on stdin:
//   {"call": [action, payload]}   asks, if our own schemas let it pass; prints the answer
//   {"send": [action, payload]}   asks unchecked, for payloads that break the schema; prints the answer
// Ends when stdin does.

import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { RPCServer } from 'ocpp-rpc';

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const ACCEPTED = { status: 'Accepted' };
const now = () => new Date().toISOString();
let lastTransactionId = 0;

const ANSWERS = {
    Authorize: () => ({ idTagInfo: ACCEPTED }),
    BootNotification: () => ({ ...ACCEPTED, currentTime: now(), interval: 300 }),
    DataTransfer: () => ACCEPTED,
    DiagnosticsStatusNotification: () => ({}),
    FirmwareStatusNotification: () => ({}),
    Heartbeat: () => ({ currentTime: now() }),
    MeterValues: () => ({}),
    StartTransaction: () => ({ transactionId: ++lastTransactionId, idTagInfo: ACCEPTED }),
    StatusNotification: () => ({}),
    StopTransaction: () => ({ idTagInfo: ACCEPTED }),
};

let chargePoint = null; // the connection that was opened last
const unchecked = new Map(); // message id -> takes the answer to a CALL that ocpp-rpc does not know of

const server = new RPCServer({ protocols: ['ocpp1.6'], strictMode: true, callTimeoutMs: 5000 });

server.on('client', (client) => {
    chargePoint = client;
    say({ event: 'connected', identity: client.identity, protocol: client.protocol });
    for (const [action, answer] of Object.entries(ANSWERS)) {
        client.handle(action, ({ params }) => {
            say({ event: 'call', action, payload: params });
            return answer(params);
        });
    }
    client.on('strictValidationFailure', ({ method, params, result, outbound, isCall, error }) => {
        const said = isCall ? params : result;
        say({ event: 'failure', what: `${outbound ? 'sent' : 'received'} ${method}`, said, problem: error.message });
    });
    client.on('callError', ({ outbound, method, params, error }) => {
        if (!outbound) say({ event: 'failure', what: `refused ${method}`, said: params, problem: error.message });
    });
    client.on('response', ({ outbound, payload: [type, messageId, ...rest] }) => {
        if (outbound || !unchecked.has(messageId)) return;
        unchecked.get(messageId)(type === 3 ? { result: rest[0] } : { error: rest[0], description: rest[1] });
    });
    client.on('badMessage', ({ buffer, error }) => {
        if (unchecked.delete(error.details?.msgId)) return;
        say({ event: 'failure', what: 'bad message', said: buffer.toString(), problem: error.message });
    });
    client.on('socketError', (error) => say({ event: 'failure', what: 'socket', problem: error.message }));
    client.on('close', ({ code }) => say({ event: 'closed', code }));
});

async function call(action, payload) {
    try {
        return { result: await chargePoint.call(action, payload) };
    } catch (error) {
        return { error: error.rpcErrorCode ?? error.constructor.name, description: error.message };
    }
}

function send(action, payload) {
    const messageId = randomUUID();
    const answered = new Promise((resolve) => unchecked.set(messageId, resolve));
    chargePoint.sendRaw(JSON.stringify([2, messageId, action, payload]));
    return answered;
}

createInterface({ input: process.stdin })
    .on('line', async (line) => {
        const command = JSON.parse(line);
        const answer = await (command.call ? call(...command.call) : send(...command.send));
        say({ event: 'answer', ...answer });
    })
    .on('close', () => process.exit(0));

const http = await server.listen(0, '127.0.0.1');
say({ event: 'listening', port: http.address().port });
