// Receives CloudEvents with their SDK, and prints a line for each: the CDEvent in it, as the SDK of
// CDEvents parses and validates it, or the error. The first line is the address. With arguments, it
// sends an event: send ADDRESS TOKEN binary|structured TARGET ENVIRONMENT PURL.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"

	api "github.com/cdevents/sdk-go/pkg/api"
	cdevents "github.com/cdevents/sdk-go/pkg/api/v05"
	cloudevents "github.com/cloudevents/sdk-go/v2"
)

func judge(event cloudevents.Event) map[string]interface{} {
	found := map[string]interface{}{"type": event.Type(), "source": event.Source(), "id": event.ID()}
	if err := event.Validate(); err != nil {
		found["error"] = "cloudevent: " + err.Error()
		return found
	}
	parsed, err := cdevents.NewFromJsonBytes(event.Data())
	if err == nil {
		err = api.Validate(parsed)
	}
	if err != nil {
		found["error"] = "cdevent: " + err.Error()
		return found
	}
	content, err := api.AsJsonBytes(parsed)
	if err != nil {
		found["error"] = "cdevent: " + err.Error()
	}
	found["event"] = json.RawMessage(content)
	return found
}

func receive() error {
	lines := json.NewEncoder(os.Stdout)
	take := func(event cloudevents.Event) {
		if err := lines.Encode(judge(event)); err != nil {
			fmt.Println(err)
		}
	}
	protocol, err := cloudevents.NewHTTP()
	if err != nil {
		return err
	}
	handler, err := cloudevents.NewHTTPReceiveHandler(context.Background(), protocol, take)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return http.Serve(listener, handler)
}

func send(address, token, encoding, target, environment, purl string) error {
	made, err := cdevents.NewServiceDeployedEvent()
	if err != nil {
		return err
	}
	made.SetSource(target)
	made.SetSubjectId("platform")
	made.SetSubjectEnvironment(&api.Reference{Id: environment})
	made.SetSubjectArtifactId(purl)
	event, err := api.AsCloudEvent(made)
	if err != nil {
		return err
	}
	client, err := cloudevents.NewClientHTTP(
		cloudevents.WithTarget(address), cloudevents.WithHeader("Authorization", "Bearer "+token))
	if err != nil {
		return err
	}
	ctx := cloudevents.WithEncodingBinary(context.Background())
	if encoding == "structured" {
		ctx = cloudevents.WithEncodingStructured(context.Background())
	}
	if result := client.Send(ctx, *event); !cloudevents.IsACK(result) {
		return result
	}
	return nil
}

func main() {
	var err error
	if a := os.Args; len(a) == 8 && a[1] == "send" {
		err = send(a[2], a[3], a[4], a[5], a[6], a[7])
	} else {
		err = receive()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
