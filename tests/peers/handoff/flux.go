// Posts the event on standard input to the address in argument 1, as Flux's notification-controller
// does: signed with the key in FLUX_HMAC_KEY (generic-hmac), or with a bearer token in FLUX_TOKEN.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/fluxcd/notification-controller/internal/notifier"
	eventv1 "github.com/fluxcd/pkg/apis/event/v1beta1"
)

func main() {
	var event eventv1.Event
	var key []byte
	headers := map[string]string{}
	if given := os.Getenv("FLUX_HMAC_KEY"); given != "" {
		key = []byte(given)
	}
	if token := os.Getenv("FLUX_TOKEN"); token != "" {
		headers["Authorization"] = "Bearer " + token
	}
	err := json.NewDecoder(os.Stdin).Decode(&event)
	if err == nil {
		var forwarder *notifier.Forwarder
		if forwarder, err = notifier.NewForwarder(os.Args[1], "", headers, nil, key); err == nil {
			err = forwarder.Post(context.Background(), event)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
