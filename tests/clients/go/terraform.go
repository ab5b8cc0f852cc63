// Asks who the user is as Terraform's GitLab provider does at its start: base URL and token from the environment, a transport with a
// TLS configuration of its own, the token by the header that the first argument names.
package main

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	request, err := http.NewRequest(http.MethodGet, os.Getenv("GITLAB_BASE_URL")+"user", nil)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("User-Agent", "Terraform/1.13.3 (+https://www.terraform.io) terraform-provider-gitlab/18.4.1")
	switch header := os.Args[1]; header {
	case "Authorization":
		request.Header.Set(header, "Bearer "+os.Getenv("GITLAB_TOKEN"))
	default:
		request.Header.Set(header, os.Getenv("GITLAB_TOKEN"))
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		log.Fatal(response.Status)
	}
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		log.Fatal(err)
	}
}
