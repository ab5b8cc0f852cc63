// The global WebSocket, or the class of the package named: sends one message and prints what comes back.
const [url, name] = process.argv.slice(2);
const WebSocket = name ? (await import(name)).default : globalThis.WebSocket;
const socket = new WebSocket(url);
socket.onopen = () => socket.send('over the wire');
socket.onerror = ({ message }) => {
  console.error(message);
  process.exit(1);
};
socket.onmessage = ({ data }) => {
  console.log('came back:', data);
  socket.close();
};
