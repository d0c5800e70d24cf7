// Answers for a check of git gt's merge queue with Jenkins.
//
// Save as Jenkinsfile on the branch that work lands on, or put its stage there, with the reporter beside it:
//   git gt ci template jenkins --check test --command ./test.sh >Jenkinsfile
//   git gt ci template report >.ci/gt-ci-report
// It is for a multibranch job that discovers branches gt-mq/*. 'gt-push' is a credential with an ssh key that
// may push (plugin SSH Agent); the job's own may do as well.
pipeline {
  agent any
  options {
    timeout(time: 60, unit: 'MINUTES')
  }
  stages {
    stage('gt-mq') {
      when {
        branch 'gt-mq/*'
      }
      steps {
        sshagent(['gt-push']) {
          sh '''
            GT_CHECK='test'
            GT_COMMAND='./test.sh'
            GT_CI_URL="$BUILD_URL" exec sh .ci/gt-ci-report "$GT_CHECK" sh -c "$GT_COMMAND"
          '''
        }
      }
    }
  }
}
