import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;

/** Programs that know nothing of authsome: Fetch old|new|kept URL, and one that tells where its proxy is. */
public class Fetch {
  public static void main(String[] arguments) throws Exception {
    switch (arguments[0]) {
      case "old" -> System.out.println(old(arguments[1]));
      case "new" -> {
        HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[1])).build();
        System.out.println(HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body());
      }
      case "kept" -> {
        // One after the other, on connections that may be kept.
        String body = old(arguments[1]);
        for (int count = 0; count < 3; count++) if (!old(arguments[1]).equals(body)) throw new AssertionError();
        System.out.println(body);
      }
      default -> {
        System.out.println(System.getProperty("https.proxyPort"));
        Thread.sleep(60_000);
      }
    }
  }

  private static String old(String url) throws Exception {
    HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
    return new String(connection.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
  }
}
