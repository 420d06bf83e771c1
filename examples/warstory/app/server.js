'use strict';
// The web shop's product pages. It runs with --abort-on-uncaught-exception, as is
// done to have a core dump of what nobody had thought of.

const http = require('node:http');

// A card has room for so much of a title.
const ROOM = 24;

// A server keeps more in memory than code, and its core dump is as large as that: so
// many MB of thumbnails.
const thumbnails = Buffer.alloc(Number(process.env.THUMBNAILS_MB ?? 0) * 2 ** 20, 1);
const THUMBNAIL = 4096;

// address makes the page's address of a product's title. The bug that the story is
// about: slice counts UTF-16 units and may leave half of an emoji, of which
// encodeURIComponent makes a URIError.
function address(title) {
  return '/p/' + encodeURIComponent(title.slice(0, ROOM).trim().toLowerCase());
}

const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://shop');
  if (url.pathname === '/healthz') {
    response.end('ok\n');
    return;
  }
  if (url.pathname === '/thumbnail') {
    response.end(thumbnails.subarray(0, THUMBNAIL));
    return;
  }
  const title = url.searchParams.get('title') ?? '';
  console.log('page for', JSON.stringify(title));
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({ title, address: address(title) }) + '\n');
});

server.listen(8080, () => console.log('serving on port 8080'));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
