package chaos

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
)

// step is a request at which it matters whether a worker dies before or after.
type step string

// The steps, in the order in which a message's work takes them.
const (
	none     step = ""
	receive  step = "receive"
	create   step = "create upload"
	part     step = "part"
	renew    step = "renew"
	copying  step = "copy"
	metadata step = "metadata of a copy"
	archive  step = "archive"
	index    step = "index"
	letters  step = "dead letters"
	remove   step = "delete"
)

func stepOf(r *http.Request) step {
	switch r.Header.Get("X-Amz-Target") {
	case "AmazonSQS.ReceiveMessage":
		return receive
	case "AmazonSQS.ChangeMessageVisibility":
		return renew
	case "AmazonSQS.DeleteMessage":
		return remove
	}
	path, query := r.URL.Path, r.URL.Query()
	switch {
	case r.Method != http.MethodPut && r.Method != http.MethodPost, !strings.HasPrefix(path, "/"+archives+"/"):
		return none
	case r.Header.Get("X-Amz-Copy-Source") != "":
		return copying
	case query.Has("uploads"):
		return create
	case query.Has("partNumber"):
		return part
	case strings.HasSuffix(path, ".tar"), strings.HasSuffix(path, ".tar.gz"):
		return archive
	case strings.HasSuffix(path, ".index"):
		return index
	case strings.HasSuffix(path, ".dlq"):
		return letters
	case strings.HasSuffix(path, ".metadata"):
		return metadata
	}
	return none
}

// action is what befalls a worker at a step.
type action string

const (
	killBefore action = "SIGKILL before" // the request never arrives
	killAfter  action = "SIGKILL after"  // the answer never does
	killAmid   action = "SIGKILL amid"   // the request arrives, long after its sender's end
	termBefore action = "SIGTERM before"
	termAfter  action = "SIGTERM after"
	// cutOff takes SQS away until the lease is lost, and lets the request
	// arrive after that.
	cutOff action = "cut off"
)

// plan deals out actions, each once for each step.
type plan struct {
	mu    sync.Mutex
	draw  *rand.Rand
	todo  map[step][]action
	total int
}

func newPlan(draw *rand.Rand) *plan {
	p := &plan{draw: draw, todo: map[step][]action{}}
	for _, s := range []step{receive, renew, remove} {
		p.todo[s] = []action{killBefore, killAfter, termBefore, termAfter}
	}
	for _, s := range []step{create, part, copying, metadata, archive, index, letters} {
		p.todo[s] = []action{killBefore, killAfter, killAmid, termBefore, termAfter, cutOff}
	}
	for _, s := range []step{receive, create, part, renew, copying, metadata, archive, index, letters, remove} {
		draw.Shuffle(len(p.todo[s]), func(i, j int) { p.todo[s][i], p.todo[s][j] = p.todo[s][j], p.todo[s][i] })
		p.total += len(p.todo[s])
	}
	return p
}

// take gives the action for a request at s; false if nothing is to befall it.
func (p *plan) take(s step) (action, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.todo[s]) == 0 || p.draw.Float64() < 0.4 {
		return "", false
	}
	a := p.todo[s][0]
	p.todo[s] = p.todo[s][1:]
	return a, true
}

// left names what has befallen nobody.
func (p *plan) left() (left []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s, actions := range p.todo {
		for _, a := range actions {
			left = append(left, fmt.Sprintf("%s %s", a, s))
		}
	}
	return left
}

func (p *plan) String() string {
	return fmt.Sprintf("%d of %d planned upsets came true", p.total-len(p.left()), p.total)
}
