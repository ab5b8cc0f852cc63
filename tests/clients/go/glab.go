// Asks who the user is as glab's `glab api user` does: host and token from the environment, the same transport, the same header.
package main

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
)

// first is glab's look-up of a setting: the first variable that is not empty.
func first(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	log.Fatal("none is set: ", names)
	return ""
}

func main() {
	host := first("GITLAB_HOST", "GITLAB_URI", "GL_HOST")
	host = strings.Trim(strings.TrimPrefix(strings.ToLower(host), "https"), ":/")
	request, err := http.NewRequest(http.MethodGet, "https://"+host+"/api/v4/user", nil)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("User-Agent", "glab/1.80.4 (linux, amd64)")
	request.Header.Set("PRIVATE-TOKEN", first("GITLAB_TOKEN", "GITLAB_ACCESS_TOKEN", "OAUTH_TOKEN"))
	client := &http.Client{Transport: &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12},
	}}
	response, err := client.Do(request)
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
