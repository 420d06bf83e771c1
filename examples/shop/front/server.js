'use strict';
// The shop's front: a page rendered on the server, the same data as JSON, and
// the endpoints that the kubelet asks. Everything it shows comes from the API.

const http = require('node:http');
const os = require('node:os');
const { renderPage, renderProblem } = require('./page.js');

const port = Number(process.env.PORT ?? 3000);
const api = process.env.API_URL || 'http://api:8080';
// After SIGTERM it still answers for a moment: Services learn of its end a
// little later than the process does.
const drainMillis = Number(process.env.DRAIN_MILLIS || 3000);
const apiTimeoutMillis = 5000;

let started = false;
let stopping = false;

async function callAPI(path, options = {}) {
  const res = await fetch(api + path, { ...options, signal: AbortSignal.timeout(apiTimeoutMillis) });
  const body = await res.json();
  if (!res.ok) {
    throw Object.assign(new Error(body.error || `the API answered ${res.status}`), { status: res.status });
  }
  return body;
}

async function shopState() {
  const [products, orders, restocks] = await Promise.all([
    callAPI('/products'), callAPI('/orders?limit=5'), callAPI('/restocks?limit=1'),
  ]);
  return { products, orders, restocks, servedBy: os.hostname() };
}

function send(res, status, type, body, headers = {}) {
  res.writeHead(status, { 'content-type': type, ...headers });
  res.end(body);
}

const sendText = (res, status, text) => send(res, status, 'text/plain; charset=utf-8', text + '\n');
const sendJSON = (res, status, value) => send(res, status, 'application/json', JSON.stringify(value) + '\n');
const sendPage = (res, status, html) => send(res, status, 'text/html; charset=utf-8', html);

async function readForm(req, limit = 4096) {
  let text = '';
  for await (const chunk of req) {
    text += chunk;
    if (text.length > limit) throw Object.assign(new Error('the form is too large'), { status: 413 });
  }
  return new URLSearchParams(text);
}

const routes = {
  'GET /': async (req, res) => sendPage(res, 200, renderPage(await shopState())),
  'GET /api/shop': async (req, res) => sendJSON(res, 200, await shopState()),
  'POST /order': async (req, res) => {
    const form = await readForm(req);
    await callAPI('/orders', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ productId: Number(form.get('product')), quantity: Number(form.get('quantity') || 1) }),
    });
    send(res, 303, 'text/plain', '', { location: '/' });
  },
  // Liveness says nothing of the API: a restart of the front would not help it.
  'GET /healthz': async (req, res) => sendText(res, 200, 'ok'),
  'GET /startupz': async (req, res) => sendText(res, started ? 200 : 503, started ? 'ok' : 'starting'),
  'GET /readyz': async (req, res) => {
    if (stopping) return sendText(res, 503, 'stopping');
    await callAPI('/products');
    return sendText(res, 200, 'ok');
  },
};

const server = http.createServer(async (req, res) => {
  const path = new URL(req.url, 'http://shop').pathname;
  const handle = routes[`${req.method} ${path}`];
  if (!handle) return sendText(res, 404, 'not found');
  try {
    return await handle(req, res);
  } catch (err) {
    const status = err.status || 502;
    console.error(JSON.stringify({ method: req.method, path, status, error: err.message }));
    if (res.headersSent) return res.end();
    if (path === '/' || path === '/order') return sendPage(res, status, renderProblem(err.message));
    return sendJSON(res, status, { error: err.message });
  }
});

server.listen(port, () => {
  started = true;
  console.log(JSON.stringify({ message: 'listening', port: server.address().port, api }));
});

function stop(signal) {
  if (stopping) return;
  stopping = true;
  console.log(JSON.stringify({ message: 'stopping', signal }));
  setTimeout(() => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  }, drainMillis);
}

process.on('SIGTERM', stop);
process.on('SIGINT', stop);
