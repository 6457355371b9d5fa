// Package deploy_test tries what is deployed: the images, and the stack with
// the programs in it.
package deploy_test
