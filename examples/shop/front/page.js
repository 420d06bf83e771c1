'use strict';
// What people see. Values in, HTML out.

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text) => String(text).replace(/[&<>"']/g, (c) => escapes[c]);
const money = (cents) => '€ ' + (cents / 100).toFixed(2);
const time = (iso) => new Date(iso).toISOString().slice(0, 19).replace('T', ' ');

const style = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733; }
  h1 { font-size: 1.6rem } h2 { font-size: 1.1rem; margin-top: 2rem }
  table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #d8dee4 }
  td.n { text-align: right; font-variant-numeric: tabular-nums } button { font: inherit; padding: .1rem .8rem }
  footer { margin-top: 2.5rem; color: #66717d; font-size: .85rem } .problem { color: #a40e26 }`;

const page = (body) => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>The ship's chandler</title><style>${style}</style></head>
<body><h1>The ship's chandler</h1>${body}</body></html>
`;

function renderPage({ products, orders, restocks, servedBy }) {
  const shelf = products.map((p) => `<tr><td>${escape(p.name)}</td><td class="n">${money(p.priceCents)}</td>
    <td class="n">${p.stock}</td><td><form method="post" action="/order"><input type="hidden" name="product" value="${p.id}">
    <button ${p.stock > 0 ? '' : 'disabled'}>Buy one</button></form></td></tr>`).join('\n');
  const bought = orders.map((o) => `<tr><td class="n">${o.id}</td><td>${escape(o.product)}</td><td class="n">${o.quantity}</td>
    <td class="n">${money(o.totalCents)}</td><td>${time(o.created)}</td></tr>`).join('\n');
  const restock = restocks.length === 0 ? 'Not restocked yet.'
    : `Last restocked at ${time(restocks[0].created)}: ${restocks[0].items} items of ${restocks[0].products} products.`;
  return page(`
<table><tr><th>Product</th><th>Price</th><th>In stock</th><th></th></tr>${shelf}</table>
<h2>Newest orders</h2>
${orders.length === 0 ? '<p>None yet.</p>' : `<table><tr><th>No.</th><th>Product</th><th>Items</th><th>Total</th><th>Time</th></tr>${bought}</table>`}
<footer>${restock} Served by ${escape(servedBy)}.</footer>`);
}

const renderProblem = (message) => page(`<p class="problem">That did not work: ${escape(message)}.</p><p><a href="/">Back to the shop</a></p>`);

module.exports = { renderPage, renderProblem };
