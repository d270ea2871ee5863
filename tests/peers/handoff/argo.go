// Renders the template on standard input for an application, and sends it with the webhook service
// of Argo CD's notifications.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/Masterminds/sprig/v3"
	"github.com/argoproj/notifications-engine/pkg/services"
)

type given struct {
	Name     string                        `json:"name"`
	Service  services.WebhookOptions       `json:"service"`
	Template services.WebhookNotifications `json:"template"`
	Vars     map[string]interface{}        `json:"vars"`
}

func send() error {
	var asked given
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	functions := sprig.TxtFuncMap()
	delete(functions, "env")
	delete(functions, "expandenv")
	render, err := asked.Template.GetTemplater("floe-health", functions)
	if err != nil {
		return err
	}
	var notification services.Notification
	if err := render(&notification, asked.Vars); err != nil {
		return err
	}
	service := services.NewWebhookService(asked.Service)
	return service.Send(notification, services.Destination{Service: asked.Name})
}

func main() {
	if err := send(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
