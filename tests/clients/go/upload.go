// Uploads a body of unknown length (chunked in HTTP/1.1, DATA frames in HTTP/2) with `Expect: 100-continue`, as a registry client does.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"strings"
)

func main() {
	reader, writer := io.Pipe()
	go func() {
		for range [8]int{} {
			if _, err := writer.Write([]byte(strings.Repeat("x", 32*1024))); err != nil {
				return
			}
		}
		writer.Close()
	}()
	request, err := http.NewRequest(http.MethodPut, os.Args[1], reader)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Expect", "100-continue")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		log.Fatal(err)
	}
}
