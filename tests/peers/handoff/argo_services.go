package services

// The declarations of services.go that webhook.go needs. The other services of that file would be
// built too, with the clients of twelve companies.

import texttemplate "text/template"

type Notification struct {
	Message string               `json:"message,omitempty"`
	Webhook WebhookNotifications `json:"webhook,omitempty"`
}

type Destination struct {
	Service   string `json:"service"`
	Recipient string `json:"recipient"`
}

type NotificationService interface {
	Send(notification Notification, dest Destination) error
}

type Templater func(notification *Notification, vars map[string]interface{}) error

type TemplaterSource interface {
	GetTemplater(name string, f texttemplate.FuncMap) (Templater, error)
}
