package app

import "github.com/huleedu/edge/domain"

// Disconnect closes the user's connections on this node, on request of
// an operator.
func (n *Notifications) Disconnect(user domain.UserID) {
	for _, manager := range n.managers {
		manager.CloseUser(user, domain.Forbidden("Disconnected", nil))
	}
}
