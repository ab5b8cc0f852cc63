import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/**
 * Leads a JVM in a container to the session's proxy, by {@code -javaagent}.
 *
 * <p>A JVM reads no variable for a proxy, and most of its clients send a proxy no password, whatever they are told. So this listens on
 * 127.0.0.1, names that address as the JVM's proxy, and hands each connection on to the one of {@code HTTPS_PROXY} with its password.
 *
 * <p>It serves this process alone: a connection is handed on only if its other end is a descriptor of this process, as the kernel says.
 * Nothing is printed, nothing thrown into the program, and all threads are daemons. It is compiled for Java 8, without lambdas, whose first
 * use would cost the start of every JVM.
 */
public final class AuthsomeAgent {
  /** The bound on a request's head. */
  private static final int MAX_HEAD = 64 * 1024;

  /** How long a client may take for its head, and the proxy to be reached, in milliseconds. */
  private static final int PATIENCE = 30_000;

  private static InetSocketAddress proxy;
  private static byte[] authorization;
  private static ServerSocket listener;

  private AuthsomeAgent() {}

  public static void premain(String arguments) {
    try {
      start();
    } catch (Throwable problem) {
      // The program runs without its proxy rather than not at all.
    }
  }

  private static void start() throws Exception {
    String value = System.getenv("HTTPS_PROXY");
    // A proxy that the command line names is somebody's decision.
    if (value == null || System.getProperty("https.proxyHost") != null) return;
    URI address = new URI(value);
    if (address.getHost() == null || address.getRawUserInfo() == null) return;
    proxy = InetSocketAddress.createUnresolved(address.getHost().replaceAll("[\\[\\]]", ""), address.getPort());
    String credential = Base64.getEncoder().encodeToString(address.getUserInfo().getBytes(StandardCharsets.UTF_8));
    authorization = ("Proxy-Authorization: Basic " + credential + "\r\n").getBytes(StandardCharsets.US_ASCII);
    listener = new ServerSocket(0, 128, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}));
    daemon(new Listening()).start();
    for (String scheme : new String[] {"http", "https"}) {
      System.setProperty(scheme + ".proxyHost", "127.0.0.1");
      System.setProperty(scheme + ".proxyPort", Integer.toString(listener.getLocalPort()));
    }
  }

  private static Thread daemon(Runnable work) {
    Thread thread = new Thread(work, "authsome");
    thread.setDaemon(true);
    return thread;
  }

  private static final class Listening implements Runnable {
    @Override
    public void run() {
      while (true) {
        try {
          daemon(new Connection(listener.accept())).start();
        } catch (Throwable problem) {
          try {
            Thread.sleep(10); // no descriptor, or no thread: there may be one later
          } catch (InterruptedException ended) {
            return;
          }
        }
      }
    }
  }

  /** From this process to the proxy: one head with the password, then bytes. */
  private static final class Connection implements Runnable {
    private final Socket client;

    Connection(Socket client) {
      this.client = client;
    }

    @Override
    public void run() {
      Socket server = new Socket();
      try {
        if (!isOfThisProcess(client.getPort())) return;
        client.setTcpNoDelay(true);
        client.setSoTimeout(PATIENCE);
        byte[] head = head(client.getInputStream());
        client.setSoTimeout(0);
        server.connect(new InetSocketAddress(proxy.getHostString(), proxy.getPort()), PATIENCE);
        server.setTcpNoDelay(true);
        server.getOutputStream().write(withPassword(head));
        Thread back = daemon(new Copy(server, client));
        back.start();
        new Copy(client, server).run();
        back.join();
      } catch (Throwable problem) {
        // What the program is told is that the connection has ended.
      } finally {
        close(client);
        close(server);
      }
    }

    /** Byte by byte up to its empty line: what follows it is not ours to read. */
    private static byte[] head(InputStream from) throws IOException {
      ByteArrayOutputStream head = new ByteArrayOutputStream(512);
      int line = 0;
      while (head.size() < MAX_HEAD) {
        int next = from.read();
        if (next < 0) break;
        head.write(next);
        if (next == '\n') {
          if (line == 0) return head.toByteArray();
          line = 0;
        } else if (next != '\r') {
          line++;
        }
      }
      throw new IOException("no head");
    }

    /** Only the first head gets the password, so a connection that is no tunnel is for one request. */
    private static byte[] withPassword(byte[] head) throws IOException {
      ByteArrayOutputStream all = new ByteArrayOutputStream(head.length + 128);
      int end = 0;
      while (head[end++] != '\n') {}
      all.write(head, 0, end);
      all.write(authorization);
      if (!new String(head, 0, 8, StandardCharsets.ISO_8859_1).equals("CONNECT ")) {
        all.write("Connection: close\r\n".getBytes(StandardCharsets.US_ASCII));
      }
      all.write(head, end, head.length - end);
      return all.toByteArray();
    }
  }

  /** One direction; its end is handed on as well. */
  private static final class Copy implements Runnable {
    private final Socket from;
    private final Socket to;

    Copy(Socket from, Socket to) {
      this.from = from;
      this.to = to;
    }

    @Override
    public void run() {
      try {
        InputStream in = from.getInputStream();
        OutputStream out = to.getOutputStream();
        byte[] buffer = new byte[16 * 1024];
        for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) out.write(buffer, 0, count);
        to.shutdownOutput();
      } catch (IOException broken) {
        // The other direction must not wait for what never comes.
        close(from);
        close(to);
      }
    }
  }

  /** Whether the socket of this machine that is bound to {@code port}, and connected to our listener, is one of this process's. */
  private static boolean isOfThisProcess(int port) throws IOException {
    List<String> inodes = new ArrayList<>();
    String local = String.format(":%04X", port);
    String remote = String.format(":%04X", listener.getLocalPort());
    for (String table : new String[] {"/proc/self/net/tcp", "/proc/self/net/tcp6"}) {
      if (!Files.isReadable(Paths.get(table))) continue; // a kernel without IPv6
      for (String line : Files.readAllLines(Paths.get(table), StandardCharsets.US_ASCII)) {
        // proc_net_tcp: number, local and remote address, state, two queues, a counter, user, timeout, inode
        String[] fields = line.trim().split("\\s+");
        if (fields.length > 9 && fields[1].endsWith(local) && fields[2].endsWith(remote)) inodes.add("socket:[" + fields[9] + "]");
      }
    }
    try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(Paths.get("/proc/self/fd"))) {
      for (Path descriptor : descriptors) {
        try {
          if (inodes.contains(Files.readSymbolicLink(descriptor).toString())) return true;
        } catch (IOException closed) {
          // by another thread in the meantime
        }
      }
    }
    return false;
  }

  private static void close(Socket socket) {
    try {
      socket.close();
    } catch (IOException closed) {
      // It was.
    }
  }
}
