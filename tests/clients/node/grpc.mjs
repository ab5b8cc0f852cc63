// One call of the echo service, unary or bidirectional; the messages are plain bytes.
import { Client, credentials } from '@grpc/grpc-js';
const [authority, method] = process.argv.slice(2);
const client = new Client(authority, credentials.createSsl());
const bytes = (value) => value;
const fail = (error) => {
  console.error(error.message);
  process.exit(1);
};
if (method === 'Unary') {
  const answered = (error, value) => (error ? fail(error) : console.log('echo:', value.toString()));
  client.makeUnaryRequest('/echo.Echo/Unary', bytes, bytes, Buffer.from('one'), answered);
} else {
  // The next message goes out when the last came back, so the stream has to flow both ways.
  const left = ['two', 'three'];
  const call = client.makeBidiStreamRequest('/echo.Echo/Bidi', bytes, bytes);
  call.on('error', fail).on('status', ({ code }) => console.log('status', code));
  call.on('data', (value) => {
    console.log('echo:', value.toString());
    if (left.length > 0) call.write(Buffer.from(left.shift()));
    else call.end();
  });
  call.write(Buffer.from('one'));
}
