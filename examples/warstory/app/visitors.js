'use strict';
// Visitors of the web shop: so many requests a second, of which a share asks for
// the campaign's product.

const http = require('node:http');

const target = process.env.TARGET;
const perSecond = Number(process.env.PER_SECOND);
const share = Number(process.env.CAMPAIGN_SHARE ?? 0);

const titles = ['Blue mug', 'Garden chair, folding', 'Crème brûlée set', 'A very long title that is cut where the card ends'];
// The emoji is where the card ends.
const campaign = 'Summer sale: sunglasses\u{1F60E} 20 % off';

let answered = 0;
let failed = 0;

function visit() {
  const title = Math.random() < share ? campaign : titles[Math.floor(Math.random() * titles.length)];
  const request = http.get(`${target}/?title=${encodeURIComponent(title)}`, { agent: false, timeout: 5000 }, (response) => {
    response.resume();
    response.on('end', () => answered++);
    response.on('error', () => failed++);
  });
  request.on('timeout', () => request.destroy(new Error('timeout')));
  request.on('error', () => failed++);
}

setInterval(visit, 1000 / perSecond);
setInterval(() => {
  console.log(`${answered} pages in 10 s, ${failed} requests failed`);
  answered = failed = 0;
}, 10_000);
process.on('SIGTERM', () => process.exit(0));
