import java.net.HttpURLConnection;
import java.net.URL;

class UrlConnection {
    public static void main(String[] arguments) throws Exception {
        HttpURLConnection connection = (HttpURLConnection) new URL(arguments[0]).openConnection();
        try (java.io.InputStream body = connection.getInputStream()) {
            body.transferTo(System.out);
        }
    }
}
