import org.apache.http.client.HttpResponseException;
import org.apache.http.client.methods.CloseableHttpResponse;
import org.apache.http.client.methods.HttpGet;
import org.apache.http.impl.client.CloseableHttpClient;
import org.apache.http.impl.client.HttpClients;
import org.apache.http.util.EntityUtils;

class Apache {
    public static void main(String[] arguments) throws Exception {
        try (CloseableHttpClient client = HttpClients.createSystem();
                CloseableHttpResponse response = client.execute(new HttpGet(arguments[0]))) {
            int code = response.getStatusLine().getStatusCode();
            if (code != 200) {
                throw new HttpResponseException(code, response.toString());
            }
            System.out.println(EntityUtils.toString(response.getEntity()));
        }
    }
}
