package app

import (
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Check pings the user's connections on this node, because the user has no free
// slot for another one. Managers that cannot check their connections are
// skipped.
func (n *Notifications) Check(user domain.UserID) {
	for _, manager := range n.managers {
		if checker, can := manager.(ports.ConnectionChecker); can {
			checker.Check(user)
		}
	}
}
